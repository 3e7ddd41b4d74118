// Where a World's decisions come from: a seed, which gives any number of them, or the bytes of a
// fuzzer's input, which end. Value type; bound to its thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>

namespace cardea::core {

class Entropy {
 public:
  explicit Entropy(std::uint64_t seed) : engine_(seed) {}
  /// `bytes` is borrowed. When it is used up, all further decisions are 0.
  explicit Entropy(std::span<const std::uint8_t> bytes) : bytes_(bytes), from_bytes_(true) {}

  /// 0 to `end` - 1; `end` is not 0. A byte decides where one is enough, else two.
  std::size_t below(std::size_t end) {
    // Not a standard distribution: those differ between libraries.
    if (!from_bytes_) return static_cast<std::size_t>(engine_() % end);
    std::size_t value = take();
    if (end > kByteValues) value = value * kByteValues + take();
    return value % end;
  }
  /// Never, if it comes from a seed.
  [[nodiscard]] bool used_up() const { return from_bytes_ && bytes_.empty(); }

 private:
  static constexpr std::size_t kByteValues = 256;

  std::uint8_t take() {
    if (bytes_.empty()) return 0;
    const std::uint8_t first = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return first;
  }

  std::mt19937_64 engine_;
  std::span<const std::uint8_t> bytes_;
  bool from_bytes_ = false;
};

}  // namespace cardea::core
