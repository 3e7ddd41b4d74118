// Whatever the administrator's rules file holds: rules or problems with a place and a clean text,
// the same with DOS line ends; and patterns that fit what they say.
#include <algorithm>
#include <string>

#include "base/assert.hpp"
#include "daemon/auth/access_rules.hpp"
#include "tests/fakes/some_names.hpp"
#include "tests/fuzz/dos_line_ends.hpp"
#include "tests/fuzz/input.hpp"

namespace {

using namespace cardea::auth;

bool is_clean(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::vector<RuleProblem> check(std::string_view text) {
  std::vector<RuleProblem> problems;
  const AccessRules rules = AccessRules::parse(text, some_names(), problems);
  CARDEA_ASSERT(rules.size() <= AccessRules::kRulesMax + 1);
  const auto lines = static_cast<unsigned>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const RuleProblem& problem : problems) {
    CARDEA_ASSERT(problem.line >= 1 && problem.line <= lines);
    CARDEA_ASSERT(!problem.what.empty() && is_clean(problem.what));
  }
  const Applicant plain{1000, {1000, 77}, Sandbox{}};
  const Applicant boxed{1000, {1000}, Sandbox{SandboxKind::flatpak, "org.example.App"}};
  for (const Applicant& who : {plain, boxed, Applicant{1000, {77}, std::nullopt}}) {
    for (const auto kind : {cardea::core::AccessKind::pcsc, cardea::core::AccessKind::card}) {
      const AccessRule* rule = rules.match(who, kind, "Reader [X] 00 00");
      if (rule == nullptr) continue;
      CARDEA_ASSERT(rule->line >= 1 && rule->line <= lines);
      CARDEA_ASSERT(!rule->uid || *rule->uid == who.uid);
      // A name that anybody can give himself never gives a right.
      const bool by_name = rule->app || rule->any_sandbox;
      CARDEA_ASSERT(!rule->allow || !by_name || rule->uid || rule->gid);
    }
  }
  return problems;
}

void check_patterns(std::string_view text) {
  const std::string plain(text.substr(0, 64));
  CARDEA_ASSERT(fits_pattern(plain, "*"));
  CARDEA_ASSERT(fits_pattern(plain, std::string(plain.size(), '?')));
  CARDEA_ASSERT(fits_pattern(plain, plain));
  CARDEA_ASSERT(fits_pattern("x" + plain + "y", "*" + plain + "*"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cardea::fuzz::Input input(data, size);
  const std::string text(cardea::fuzz::Input::text(input.rest()));
  const auto problems = check(text);
  check_patterns(text);
  // A line that is just short enough is too long with one more character.
  if (text.size() < 900 && text.find('\r') == std::string::npos) {
    const auto dos = check(cardea::with_dos_line_ends(text));
    CARDEA_ASSERT(std::ranges::equal(problems, dos, {}, &RuleProblem::line, &RuleProblem::line));
  }
  return 0;
}
