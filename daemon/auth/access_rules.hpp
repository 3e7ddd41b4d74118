// The administrator's own rules of who may use smart cards: a text of lines, of which the first
// that fits counts. They need neither polkit nor D-Bus nor logind. access.rules(5) is the manual.
// Parsing and matching are pure but for the names of users and groups, which the caller resolves.
// A set of rules is constant; any thread.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/auth/sandbox.hpp"
#include "daemon/core/effects.hpp"

namespace cardea::auth {

/// Who asks, as far as rules look at it.
struct Applicant {
  uid_t uid = 0;
  std::vector<gid_t> groups;       ///< primary and supplementary
  std::optional<Sandbox> sandbox;  ///< none: nobody knows
};

struct AccessRule {
  bool allow = false;
  unsigned line = 0;  ///< of the file, from 1
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<std::string> app;          ///< pattern
  std::optional<SandboxKind> sandbox;      ///< that it must be in
  bool any_sandbox = false;                ///< it must be in one
  std::optional<std::string> reader;       ///< pattern
  std::optional<core::AccessKind> action;  ///< the one it is about
};

struct RuleProblem {
  unsigned line = 0;  ///< 0: the file as a whole
  std::string what;
};

/// Numbers of users and groups; nullopt for who does not exist.
struct NameService {
  std::function<std::optional<uid_t>(const std::string&)> user;
  std::function<std::optional<gid_t>(const std::string&)> group;

  /// Of this machine. Its calls may take as long as a directory service does.
  static NameService system();
};

class AccessRules {
 public:
  static constexpr std::size_t kRulesMax = 1'000;

  /// All problems are found; with one, the rules are not to be used.
  static AccessRules parse(std::string_view text, const NameService& names,
                           std::vector<RuleProblem>& problems);

  /// The first rule that fits; nullptr if none does. `reader` counts for AccessKind::card.
  [[nodiscard]] const AccessRule* match(const Applicant& who, core::AccessKind kind,
                                        std::string_view reader) const;
  [[nodiscard]] std::size_t size() const { return rules_.size(); }
  /// Whether a rule looks at Applicant::sandbox, which costs a look into /proc.
  [[nodiscard]] bool look_at_sandboxes() const { return look_at_sandboxes_; }

 private:
  std::vector<AccessRule> rules_;
  bool look_at_sandboxes_ = false;
};

/// `*` fits any text, `?` any character; all others, brackets too, fit themselves.
bool fits_pattern(std::string_view text, std::string_view pattern);

}  // namespace cardea::auth
