// The form of options that hold for all, or for what is named: VALUE or NAME=VALUE. Pure; any
// thread.
#pragma once

#include <string_view>

namespace cardea {

/// Parts of the text it was made from.
struct NamedRule {
  std::string_view name;
  std::string_view value;
  bool has_name = false;  ///< "=VALUE" has one, which is empty
};

/// A name may contain '=', the value does not.
inline NamedRule split_rule(std::string_view rule) {
  const std::size_t equals = rule.rfind('=');
  if (equals == std::string_view::npos) return {{}, rule, false};
  return {rule.substr(0, equals), rule.substr(equals + 1), true};
}

}  // namespace cardea
