#include "drivers/virtual/atr.hpp"

#include <initializer_list>
#include <string>

namespace cardea::virtual_reader {
namespace {

constexpr std::string_view kHistoricalBytes = "Cardea";
constexpr std::uint8_t kDirectConvention = 0x3B;
constexpr std::uint8_t kInverseConvention = 0x3F;

constexpr unsigned kHasTa = 0x1;
constexpr unsigned kHasTb = 0x2;
constexpr unsigned kHasTc = 0x4;
constexpr unsigned kHasTd = 0x8;

/// TS, the given characters from T0 on, the historical bytes and, where due, TCK.
Bytes build_atr(std::initializer_list<std::uint8_t> t0_and_interface, bool has_check_byte) {
  Bytes atr;
  atr.reserve(kAtrBytesMax);
  atr.push_back(kDirectConvention);
  atr.insert(atr.end(), t0_and_interface);
  atr.insert(atr.end(), kHistoricalBytes.begin(), kHistoricalBytes.end());
  if (has_check_byte) {
    std::uint8_t check = 0;
    for (std::size_t i = 1; i < atr.size(); ++i) check ^= atr[i];
    atr.push_back(check);
  }
  return atr;
}

std::uint32_t protocol_bit(unsigned protocol) { return protocol <= 1 ? 1U << protocol : 0; }

}  // namespace

std::optional<AtrKind> atr_kind_from(std::string_view word) {
  if (word == "t0") return AtrKind::t0;
  if (word == "t1") return AtrKind::t1;
  if (word == "t01") return AtrKind::t01;
  return std::nullopt;
}

Bytes atr_of(AtrKind kind) {
  // The low half of T0 counts the historical bytes, six; the high half says TD1 follows.
  switch (kind) {
    case AtrKind::t0:  // T=0 is what no TD1 means; no TCK then
      return build_atr({0x06}, /*has_check_byte=*/false);
    case AtrKind::t1:  // TD1 and TD2 say T=1; TA3: IFSC 254, TB3: BWI 4, CWI 5
      return build_atr({0x86, 0x81, 0x31, 0xFE, 0x45}, /*has_check_byte=*/true);
    case AtrKind::t01:  // TD1 says T=0, TD2 says T=1
      break;
  }
  return build_atr({0x86, 0x80, 0x01}, /*has_check_byte=*/true);
}

std::uint32_t offered_protocols(ByteView atr) {
  if (atr.size() < kAtrBytesMin || atr.size() > kAtrBytesMax) return 0;
  if (atr[0] != kDirectConvention && atr[0] != kInverseConvention) return 0;
  std::uint32_t offered = 0;
  unsigned follows = atr[1] >> 4U;
  if ((follows & kHasTd) == 0) return protocol_bit(0);
  std::size_t next = 2;
  for (int group = 1;; ++group) {
    const bool has_ta = (follows & kHasTa) != 0;
    if (group == 2 && has_ta) return next < atr.size() ? protocol_bit(atr[next] & 0x0FU) : 0;
    next += (has_ta ? 1U : 0U) + ((follows & kHasTb) != 0 ? 1U : 0U) +
            ((follows & kHasTc) != 0 ? 1U : 0U);
    if ((follows & kHasTd) == 0) return next <= atr.size() ? offered : 0;
    if (next >= atr.size()) return 0;
    offered |= protocol_bit(atr[next] & 0x0FU);
    follows = atr[next] >> 4U;
    ++next;
  }
}

}  // namespace cardea::virtual_reader
