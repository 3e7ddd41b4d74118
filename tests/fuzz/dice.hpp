// Small, fast, repeatable randomness for fuzz targets: what a target does besides reading its input
// must follow from the input, or nobody could repeat a finding. Value type; bound to its thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cardea::fuzz {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}

  /// A number of 64 bits: the finalizer of a counter with the golden ratio as its step.
  std::uint64_t roll() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 32U)) * 0xD6E8FEB86659FD93U;
    mixed = (mixed ^ (mixed >> 32U)) * 0xD6E8FEB86659FD93U;
    return mixed ^ (mixed >> 32U);
  }
  /// 0 to `end` - 1; `end` is not 0.
  std::uint32_t below(std::size_t end) { return static_cast<std::uint32_t>(roll() % end); }
  bool chance(unsigned percent) { return below(100) < percent; }

 private:
  std::uint64_t state_;
};

}  // namespace cardea::fuzz
