// When an unused card loses its power. Value type.
#pragma once

#include <chrono>

namespace cardea::core {

struct PowerOff {
  enum class Kind {
    standard,  ///< nothing was asked for: pcsc-lite's times, see core::Settings
    never,
    after,
  };
  Kind kind = Kind::standard;
  std::chrono::seconds delay{0};  ///< if kind is `after`; 0: at once

  bool operator==(const PowerOff&) const = default;
};

}  // namespace cardea::core
