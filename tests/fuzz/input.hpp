// A fuzzer's input as a sequence of decisions and pieces. When it is used up, numbers are 0 and
// pieces are empty. Value type; borrows the bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace cardea::fuzz {

class Input {
 public:
  using Bytes = std::span<const std::uint8_t>;

  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  [[nodiscard]] bool used_up() const { return rest_.empty(); }
  std::uint8_t byte() {
    const Bytes one = bytes(1);
    return one.empty() ? std::uint8_t{0} : one[0];
  }
  /// 0 to `end` - 1; `end` is 1 to 256.
  unsigned below(unsigned end) { return byte() % end; }
  /// As many as there are, `count` at most.
  Bytes bytes(std::size_t count) {
    const Bytes piece = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(piece.size());
    return piece;
  }
  /// A byte says how many.
  Bytes piece() { return bytes(byte()); }
  Bytes rest() { return bytes(rest_.size()); }

  static std::string_view text(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  Bytes rest_;
};

}  // namespace cardea::fuzz
