// What the daemon knows about the card in one reader. The driver conversation produces it, the
// core keeps and publishes it. Value type.
#pragma once

#include <cstdint>

#include "drivers/ifd_driver.hpp"
#include "protocol/wire.hpp"

namespace cardea::core {

enum class CardPhase {
  unknown,  ///< not asked yet, or the reader reports a fault
  absent,
  mute,  ///< a card that did not answer the power-up
  powered,
  auto_off,   ///< powered off because nobody uses it; published like `powered`
  unpowered,  ///< powered off by a client's disposition
};

struct CardState {
  CardPhase phase = CardPhase::unknown;
  AtrBytes atr;
  std::uint32_t protocol = wire::kProtocolUnset;  ///< negotiated with the card
};

constexpr bool is_present(CardPhase phase) {
  return phase != CardPhase::unknown && phase != CardPhase::absent;
}

/// The bits clients see. COMPAT: after an automatic power-off a card still reads as powered, as
/// with pcsc-lite; SPECIFIC is never set. See
/// CoreCards.AnUnusedCardIsPoweredOffAndStillShowsAsPowered.
constexpr std::uint32_t published_state(CardPhase phase) {
  switch (phase) {
    case CardPhase::unknown:
      return wire::kStateUnknown;
    case CardPhase::absent:
      return wire::kStateAbsent;
    case CardPhase::mute:
      return wire::kStatePresent | wire::kStateSwallowed;
    case CardPhase::powered:
    case CardPhase::auto_off:
      return wire::kStatePresent | wire::kStatePowered | wire::kStateNegotiable;
    case CardPhase::unpowered:
      return wire::kStatePresent;
  }
  return wire::kStateUnknown;
}

}  // namespace cardea::core
