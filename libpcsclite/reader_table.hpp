// The reader states as the daemon sent them, checked. A value: copied per call, shared by nobody.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/wire.hpp"

namespace cardea {

class ReaderTable {
 public:
  /// Takes over an array of wire::ReaderState. False, and an empty table, if it cannot be one:
  /// an ATR longer than ISO 7816-3 allows.
  [[nodiscard]] bool assign(std::span<const std::byte> array);

  /// The first slot of exactly this name; nullptr if there is none. Valid until assign().
  [[nodiscard]] const wire::ReaderState* find(std::string_view name) const;

  /// Names of the readers in slot order, without empty slots.
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::vector<wire::ReaderState> slots_;
};

/// Each string with its NUL, and one more NUL at the end.
std::string multi_string(std::span<const std::string> strings);

}  // namespace cardea
