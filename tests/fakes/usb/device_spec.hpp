// What an emulated USB device is: the values of the words behind "add PORT" (see commands.hpp).
// Plain values; pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "drivers/virtual/atr.hpp"

namespace cardea::usb_fake {

enum class ExchangeLevel { tpdu, short_apdu, extended_apdu };
enum class CardKind { hello, mute, none };
/// vendor_ccid has class 0xFF and the CCID descriptor; other has a class no driver wants.
enum class InterfaceKind { ccid, vendor_ccid, hid, other };

struct InterfaceSpec {
  InterfaceKind kind = InterfaceKind::ccid;
  std::string name;  ///< the interface string; empty: it has none

  [[nodiscard]] bool is_reader() const {
    return kind == InterfaceKind::ccid || kind == InterfaceKind::vendor_ccid;
  }
};

inline constexpr unsigned kSlotsMax = 8;
inline constexpr unsigned kInterfacesMax = 7;  ///< two endpoint numbers each, of fifteen
inline constexpr unsigned kMessageBytesMax = 65556;

struct DeviceSpec {
  std::uint16_t vendor_id = 0x04E6;  ///< an SCR3310: known to libccid, without code of its own
  std::uint16_t product_id = 0x5116;
  std::string manufacturer = "Emulated";
  std::string product = "Emulated reader";
  std::string serial;
  std::vector<InterfaceSpec> interfaces = {InterfaceSpec{}};
  unsigned slots = 1;
  ExchangeLevel level = ExchangeLevel::short_apdu;
  unsigned message_bytes = 0;  ///< longest CCID message; 0: what fits the level
  bool pinpad = false;
  bool is_hub = false;
  CardKind card = CardKind::hello;  ///< in every slot at the start
  virtual_reader::AtrKind atr = virtual_reader::AtrKind::t01;
  bool ignored = false;          ///< udev property PCSCLITE_IGNORE=1
  bool has_node = true;          ///< false: /dev/bus/usb/... cannot be opened yet
  bool announced = true;         ///< false: the add uevents get lost
  unsigned failing_claims = 0;   ///< so many claims of an interface end with EBUSY
  unsigned failing_answers = 0;  ///< so many CCID commands are answered with a broken transfer
  milliseconds answer_delay{0};  ///< before each answer to an APDU

  [[nodiscard]] unsigned message_bytes_of_level() const;
};

/// From words `key=value`; in values %XX stands for a byte. Error (invalid_parameter): an unknown
/// key or a bad value; the context says which.
Result<DeviceSpec> parse_device_spec(std::span<const std::string_view> words);

/// For the keys that other commands share with "add".
Result<CardKind> parse_card_kind(std::string_view text);
Result<virtual_reader::AtrKind> parse_atr(std::string_view text);
Result<unsigned> parse_count(std::string_view text, unsigned max);
Result<bool> parse_switch(std::string_view text);

}  // namespace cardea::usb_fake
