#include "daemon/reader/atr.hpp"

#include <cstddef>

#include "protocol/wire.hpp"

namespace cardea {
namespace {

constexpr std::uint8_t kDirectConvention = 0x3B;
constexpr std::uint8_t kInverseConvention = 0x3F;

std::uint32_t protocol_bit(unsigned number) {
  if (number == 0) return wire::kProtocolT0;
  if (number == 1) return wire::kProtocolT1;
  return 0;  // T=15 only introduces global interface bytes; others are not for us
}

}  // namespace

AtrProtocols atr_protocols(std::span<const std::uint8_t> atr) {
  AtrProtocols result;
  if (atr.size() < 2 || (atr[0] != kDirectConvention && atr[0] != kInverseConvention)) {
    return result;
  }
  std::uint8_t announced = atr[1];  // T0, later each TD: which interface bytes follow
  std::size_t at = 2;
  bool any_td = false;
  for (int level = 1; (announced & 0xF0) != 0; ++level) {
    if ((announced & 0x10) != 0) {  // TA
      if (level == 2 && at < atr.size()) {
        // TA2: specific mode, the card speaks this protocol and no other.
        result.offered = result.fallback = protocol_bit(atr[at] & 0x0F);
        return result;
      }
      ++at;
    }
    if ((announced & 0x20) != 0) ++at;                       // TB
    if ((announced & 0x40) != 0) ++at;                       // TC
    if ((announced & 0x80) == 0 || at >= atr.size()) break;  // TD
    announced = atr[at++];
    const std::uint32_t bit = protocol_bit(announced & 0x0F);
    if (!any_td) result.fallback = bit;
    result.offered |= bit;
    any_td = true;
  }
  if (!any_td) result.offered = result.fallback = wire::kProtocolT0;
  return result;
}

}  // namespace cardea
