// Reads the file of access rules. Any thread; may wait for a directory service (names of users).
#pragma once

#include <string>
#include <vector>

#include "daemon/auth/access_rules.hpp"

namespace cardea::auth {

struct AccessRulesFile {
  bool exists = false;
  AccessRules rules;                  ///< to be used if there are no problems
  std::vector<RuleProblem> problems;  ///< in the order of lines
};

/// A file that others than its owner may write, or that is neither root's nor ours, is a problem.
AccessRulesFile load_access_rules(const std::string& path, const NameService& names);

}  // namespace cardea::auth
