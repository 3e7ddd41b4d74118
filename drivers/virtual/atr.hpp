// Answers to reset: those of the built-in cards, and which protocols one offers
// (ISO/IEC 7816-3, 8.2). Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "drivers/virtual/bytes.hpp"

namespace cardea::virtual_reader {

inline constexpr std::size_t kAtrBytesMin = 2;
inline constexpr std::size_t kAtrBytesMax = 33;

/// Which protocols a built-in card's ATR offers.
enum class AtrKind { t0, t1, t01 };

/// "t0", "t1" or "t01", as in device names and control commands.
std::optional<AtrKind> atr_kind_from(std::string_view word);

Bytes atr_of(AtrKind kind);

/// Bit 0: T=0, bit 1: T=1, the numbers IFDHSetProtocolParameters uses. 0 if the ATR is broken or
/// offers neither. TA2 (specific mode) leaves only the protocol it names.
std::uint32_t offered_protocols(ByteView atr);

}  // namespace cardea::virtual_reader
