// A user and a group for access rules in tests, instead of those of the machine: alice (1000) and
// scard (77). Any thread.
#pragma once

#include <optional>
#include <string>

#include "daemon/auth/access_rules.hpp"

namespace cardea::auth {

inline NameService some_names() {
  NameService names;
  names.user = [](const std::string& name) {
    return name == "alice" ? std::optional<uid_t>(1000) : std::nullopt;
  };
  names.group = [](const std::string& name) {
    return name == "scard" ? std::optional<gid_t>(77) : std::nullopt;
  };
  return names;
}

}  // namespace cardea::auth
