#include "daemon/auth/access_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/fakes/some_names.hpp"

namespace cardea::auth {
namespace {

using core::AccessKind;
using testing::HasSubstr;

AccessRules good(const std::string& text) {
  std::vector<RuleProblem> problems;
  AccessRules rules = AccessRules::parse(text, some_names(), problems);
  for (const RuleProblem& problem : problems) ADD_FAILURE() << problem.line << ": " << problem.what;
  return rules;
}

struct Case {
  std::string rules;
  Applicant who;
  AccessKind kind;
  std::string reader;
  int line;  ///< that decides; 0: none, negative: it denies
};

void PrintTo(const Case& it, std::ostream* out) { *out << it.rules << " for " << it.reader; }

class AccessRule : public testing::TestWithParam<Case> {};

TEST_P(AccessRule, DecidesAsTheManualSays) {
  const Case& it = GetParam();
  const AccessRules rules = good(it.rules);
  const auto* rule = rules.match(it.who, it.kind, it.reader);
  int line = 0;
  if (rule != nullptr) line = static_cast<int>(rule->line) * (rule->allow ? 1 : -1);
  EXPECT_EQ(line, it.line);
}

constexpr auto kPcsc = AccessKind::pcsc;
constexpr auto kCard = AccessKind::card;
const Sandbox kPlain{};
const Sandbox kFirefox{SandboxKind::flatpak, "org.mozilla.firefox"};
const Sandbox kDocker{SandboxKind::container, "3f1e0c2b9a8d"};
const Applicant kAlice{1000, {1000}, kPlain};
const Applicant kBob{1001, {1001, 77}, kPlain};
const Applicant kAlicesFirefox{1000, {1000}, kFirefox};
const Applicant kAliceHidden{1000, {1000}, std::nullopt};
const Applicant kContained{1000, {1000}, kDocker};

INSTANTIATE_TEST_SUITE_P(ByUser, AccessRule,
                         testing::Values(Case{"", kAlice, kPcsc, "", 0},
                                         Case{"\n# nothing\n", kAlice, kPcsc, "", 0},
                                         Case{"allow", kAlice, kPcsc, "", 1},
                                         Case{"deny", kAlice, kCard, "R", -1},
                                         Case{"allow uid=1000", kAlice, kPcsc, "", 1},
                                         Case{"allow uid=alice # she", kAlice, kPcsc, "", 1},
                                         Case{"allow uid=alice", kBob, kPcsc, "", 0},
                                         Case{"allow gid=scard", kBob, kCard, "R", 1},
                                         Case{"allow gid=77", kAlice, kCard, "R", 0},
                                         Case{"allow uid=1000 gid=77", kAlice, kPcsc, "", 0},
                                         Case{"deny uid=1000\nallow", kAlice, kPcsc, "", -1},
                                         Case{"deny uid=1000\nallow", kBob, kPcsc, "", 2},
                                         Case{"allow uid=1000\r\ndeny\r\n", kBob, kPcsc, "", -2}));

INSTANTIATE_TEST_SUITE_P(
    ByReader, AccessRule,
    testing::Values(Case{"allow uid=1000 reader=\"Gem*\"", kAlice, kCard, "Gemalto PC 00 00", 1},
                    Case{"allow uid=1000 reader=\"Gem*\"", kAlice, kCard, "Yubico 00 00", 0},
                    // To use that reader it has to be served at all.
                    Case{"allow uid=1000 reader=\"Gem*\"\ndeny", kAlice, kPcsc, "", 1},
                    // Who may not use one reader is served for the sake of the others.
                    Case{"deny reader=\"Gem*\"\nallow", kAlice, kPcsc, "", 2},
                    Case{"deny reader=\"Gem*\"\nallow", kAlice, kCard, "Gemalto PC 00 00", -1},
                    Case{"deny reader=\"A [B] 00 00\"", kAlice, kCard, "A [B] 00 00", -1},
                    Case{"allow gid=scard action=card", kBob, kPcsc, "", 0},
                    Case{"allow gid=scard action=card", kBob, kCard, "R", 1},
                    Case{"allow gid=scard action=card reader=R", kBob, kPcsc, "", 0},
                    Case{"allow action=pcsc", kBob, kPcsc, "", 1},
                    Case{"allow action=pcsc", kBob, kCard, "R", 0}));

INSTANTIATE_TEST_SUITE_P(
    ByApp, AccessRule,
    testing::Values(
        Case{"deny app=org.mozilla.*", kAlicesFirefox, kPcsc, "", -1},
        Case{"deny app=org.mozilla.*", kAlice, kPcsc, "", 0},
        Case{"deny sandbox=any", kContained, kPcsc, "", -1},
        Case{"deny sandbox=any", kAlice, kPcsc, "", 0},
        Case{"deny sandbox=flatpak", kContained, kPcsc, "", 0},
        Case{"deny sandbox=container app=3f1e*", kContained, kPcsc, "", -1},
        Case{"allow uid=1000 sandbox=none\ndeny", kAlice, kPcsc, "", 1},
        Case{"allow uid=1000 sandbox=none\ndeny", kAlicesFirefox, kPcsc, "", -2},
        Case{"allow uid=1000 app=org.mozilla.firefox\ndeny", kAlicesFirefox, kPcsc, "", 1},
        Case{"allow uid=1001 app=org.mozilla.firefox\ndeny", kAlicesFirefox, kPcsc, "", -2},
        // Who cannot be looked at is denied what any app is denied, and not allowed what one is.
        Case{"deny app=org.mozilla.*", kAliceHidden, kPcsc, "", -1},
        Case{"deny sandbox=none", kAliceHidden, kPcsc, "", -1},
        Case{"allow uid=1000 app=*", kAliceHidden, kPcsc, "", 0},
        Case{"allow uid=1000 sandbox=none", kAliceHidden, kPcsc, "", 0}));

struct Mistake {
  std::string text;
  unsigned line;
  std::string what;
};

void PrintTo(const Mistake& it, std::ostream* out) { *out << it.text; }

class Mistaken : public testing::TestWithParam<Mistake> {};

TEST_P(Mistaken, RuleIsNamedWithItsLine) {
  std::vector<RuleProblem> problems;
  AccessRules::parse(GetParam().text, some_names(), problems);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].line, GetParam().line);
  EXPECT_THAT(problems[0].what, HasSubstr(GetParam().what));
}

INSTANTIATE_TEST_SUITE_P(
    Rules, Mistaken,
    testing::Values(Mistake{"permit uid=1", 1, "begins with allow or deny"},
                    Mistake{"allow=1", 1, "begins with allow or deny"},
                    Mistake{"\nallow uid=bob", 2, "uid=bob: there is no such user"},
                    Mistake{"allow gid=wheel", 1, "there is no such group"},
                    Mistake{"allow uid=-1", 1, "there is no such user"},
                    Mistake{"allow uid=1x", 1, "there is no such user"},
                    Mistake{"allow uid=99999999999", 1, "there is no such user"},
                    Mistake{"allow uid=", 1, "has no value"},
                    Mistake{"allow uid", 1, "is no condition"},
                    Mistake{"allow user=alice", 1, "\"user\" is none of"},
                    Mistake{"allow uid=1 uid=2", 1, "twice"},
                    Mistake{"allow uid=1 reader=\"Gem", 1, "not closed"},
                    Mistake{"allow uid=1 reader=\"Gem\"x", 1, "blank behind a quote"},
                    Mistake{"allow uid=1 action=all", 1, "pcsc or card"},
                    Mistake{"deny sandbox=jail", 1, "sandbox= is flatpak"},
                    Mistake{"deny action=pcsc reader=X", 1, "says nothing with action=pcsc"},
                    Mistake{"allow app=org.mozilla.firefox", 1, "needs uid= or gid="},
                    Mistake{"allow sandbox=any", 1, "needs uid= or gid="},
                    Mistake{"deny app=" + std::string(1'001, 'x'), 1, "longer than 1000"},
                    Mistake{std::string("allow \x01=1"), 1, "\\x01"}));

TEST(AccessRules, AllMistakesAreFound) {
  std::vector<RuleProblem> problems;
  AccessRules::parse("permit\nallow uid=1000\ndeny x=1", some_names(), problems);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].line, 1u);
  EXPECT_EQ(problems[1].line, 3u);
}

TEST(AccessRules, HaveALimit) {
  std::string text;
  for (std::size_t i = 0; i < AccessRules::kRulesMax; ++i) text += "deny uid=5\n";
  EXPECT_EQ(good(text).size(), AccessRules::kRulesMax);
  std::vector<RuleProblem> problems;
  AccessRules::parse(text + "deny uid=5\ndeny uid=5\n", some_names(), problems);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].line, AccessRules::kRulesMax + 1);
}

TEST(AccessRules, LookAtSandboxesOnlyIfARuleDoes) {
  EXPECT_FALSE(good("allow uid=1000\ndeny reader=X").look_at_sandboxes());
  EXPECT_TRUE(good("deny app=x").look_at_sandboxes());
  EXPECT_TRUE(good("deny sandbox=none").look_at_sandboxes());
}

TEST(Pattern, HasStarsAndQuestionMarks) {
  EXPECT_TRUE(fits_pattern("", ""));
  EXPECT_TRUE(fits_pattern("", "*"));
  EXPECT_TRUE(fits_pattern("abc", "a*c"));
  EXPECT_TRUE(fits_pattern("abcbc", "a*bc"));
  EXPECT_TRUE(fits_pattern("abc", "???"));
  EXPECT_TRUE(fits_pattern("a[b]", "a[b]"));
  EXPECT_FALSE(fits_pattern("ab", "a[b]"));
  EXPECT_FALSE(fits_pattern("abc", "??"));
  EXPECT_FALSE(fits_pattern("abc", "a*d"));
  EXPECT_FALSE(fits_pattern("", "?"));
  EXPECT_TRUE(fits_pattern(std::string(10'000, 'a'), "*a*a*a*a*a"));
}

TEST(NameService, KnowsTheUsersOfThisMachine) {
  const NameService names = NameService::system();
  EXPECT_EQ(names.user("root"), 0u);
  EXPECT_EQ(names.group("root"), 0u);
  EXPECT_FALSE(names.user("nobody-is-called-so").has_value());
  EXPECT_FALSE(names.group("nobody-is-called-so").has_value());
}

}  // namespace
}  // namespace cardea::auth
