// What an ATR says about transmission protocols (ISO 7816-3, 8.2). Pure; any thread.
#pragma once

#include <cstdint>
#include <span>

namespace cardea {

struct AtrProtocols {
  std::uint32_t offered = 0;   ///< mask of wire::kProtocolT0, kProtocolT1
  std::uint32_t fallback = 0;  ///< the protocol the card speaks without PPS; 0: none we know
};

/// Never reads past `atr`. An ATR that ends too early counts for what it has said until then;
/// one that does not start like an ATR offers nothing.
AtrProtocols atr_protocols(std::span<const std::uint8_t> atr);

}  // namespace cardea
