// What a reader says about itself in its class descriptor: CCID Rev 1.1, 5.1. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "drivers/ccid/bytes.hpp"

namespace cardea::ccid {

constexpr std::size_t kClassDescriptorBytes = 54;
/// The largest message of the class: an extended APDU of 65 544 bytes and the header, rounded up.
constexpr std::uint32_t kMessageBytesMax = 65'566;

/// The unit in which the reader takes commands (dwFeatures, bits 16 to 18).
enum class ExchangeLevel : std::uint8_t { character, tpdu, short_apdu, extended_apdu };

/// Bits of dwFeatures.
enum class Feature : std::uint32_t {
  automatic_voltage = 0x08,
  automatic_parameters = 0x40,  ///< negotiates the protocol parameters (PPS) all by itself
  automatic_pps = 0x80,         ///< makes the PPS exchange for the parameters it is given
  automatic_ifsd = 0x400,       ///< makes the first IFSD exchange of T=1
};

constexpr std::uint8_t kPinVerification = 1;  ///< bits of bPINSupport
constexpr std::uint8_t kPinModification = 2;

struct CcidDescriptor {
  std::uint16_t version_bcd = 0;
  std::uint8_t slots = 1;     ///< bMaxSlotIndex + 1, at most 255
  std::uint8_t voltages = 0;  ///< bits: 1 5 V, 2 3 V, 4 1.8 V
  std::uint32_t default_clock_khz = 0;
  std::uint32_t default_rate_bps = 0;
  std::uint32_t max_rate_bps = 0;
  std::uint8_t rates = 0;  ///< entries of the table behind GET_DATA_RATES; 0: none
  std::uint32_t max_ifsd = 0;
  std::uint32_t features = 0;
  std::uint32_t max_message_bytes = 0;  ///< header included
  std::uint16_t lcd_layout = 0;         ///< lines in the high byte, characters in the low one
  std::uint8_t pin_support = 0;
  std::uint8_t max_busy_slots = 1;

  [[nodiscard]] bool has(Feature feature) const {
    return (features & static_cast<std::uint32_t>(feature)) != 0;
  }
  [[nodiscard]] ExchangeLevel level() const;
  /// Data bytes that fit into one message.
  [[nodiscard]] std::size_t max_data_bytes() const;
};

/// `extra` is what follows an interface or endpoint descriptor: one or more descriptors. Nothing if
/// none has the 54 bytes of a class descriptor or if its message length cannot carry a message.
std::optional<CcidDescriptor> parse_class_descriptor(ByteView extra);

}  // namespace cardea::ccid
