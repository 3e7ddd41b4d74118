// The shapes in which this driver passes bytes, and the little-endian numbers USB uses. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cardea::ccid {

using ByteView = std::span<const std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t low_byte(std::size_t value) {
  return static_cast<std::uint8_t>(value & 0xFFU);
}

/// `bytes` (1..4) bytes from `offset`, least significant first. The caller has checked the size.
constexpr std::uint32_t little_endian(ByteView from, std::size_t offset, unsigned bytes) {
  std::uint32_t value = 0;
  for (unsigned i = bytes; i > 0; --i) value = value << 8U | from[offset + i - 1];
  return value;
}

inline void append_little_endian(Bytes& out, std::uint32_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) out.push_back(low_byte(value >> (8U * i)));
}

inline void append(Bytes& out, ByteView more) { out.insert(out.end(), more.begin(), more.end()); }

}  // namespace cardea::ccid
