#include "drivers/ccid/ccid_descriptor.hpp"

#include <algorithm>

#include "drivers/ccid/ccid_message.hpp"

namespace cardea::ccid {
namespace {

constexpr std::uint32_t kLevelMask = 0x00070000;
constexpr std::uint32_t kLevelTpdu = 0x00010000;
constexpr std::uint32_t kLevelShortApdu = 0x00020000;
constexpr std::uint32_t kLevelExtendedApdu = 0x00040000;
constexpr unsigned kSlotsMax = 255;
/// A reader has to take at least an APDU header.
constexpr std::uint32_t kMessageBytesMin = kHeaderBytes + 5;

CcidDescriptor read_fields(ByteView raw) {
  CcidDescriptor descriptor;
  descriptor.version_bcd = static_cast<std::uint16_t>(little_endian(raw, 2, 2));
  descriptor.slots = low_byte(std::min(raw[4] + 1U, kSlotsMax));
  descriptor.voltages = raw[5];
  descriptor.default_clock_khz = little_endian(raw, 10, 4);
  descriptor.default_rate_bps = little_endian(raw, 19, 4);
  descriptor.max_rate_bps = little_endian(raw, 23, 4);
  descriptor.rates = raw[27];
  descriptor.max_ifsd = little_endian(raw, 28, 4);
  descriptor.features = little_endian(raw, 40, 4);
  descriptor.max_message_bytes = std::min(little_endian(raw, 44, 4), kMessageBytesMax);
  descriptor.lcd_layout = static_cast<std::uint16_t>(little_endian(raw, 50, 2));
  descriptor.pin_support = raw[52];
  descriptor.max_busy_slots = std::max<std::uint8_t>(raw[53], 1);
  return descriptor;
}

}  // namespace

ExchangeLevel CcidDescriptor::level() const {
  switch (features & kLevelMask) {
    case kLevelTpdu:
      return ExchangeLevel::tpdu;
    case kLevelShortApdu:
      return ExchangeLevel::short_apdu;
    case kLevelExtendedApdu:
      return ExchangeLevel::extended_apdu;
    default:
      return ExchangeLevel::character;
  }
}

std::size_t CcidDescriptor::max_data_bytes() const { return max_message_bytes - kHeaderBytes; }

std::optional<CcidDescriptor> parse_class_descriptor(ByteView extra) {
  while (!extra.empty()) {
    const std::size_t length = extra[0];
    if (length < 2 || length > extra.size()) return std::nullopt;
    if (length == kClassDescriptorBytes) {
      const CcidDescriptor descriptor = read_fields(extra);
      if (descriptor.max_message_bytes < kMessageBytesMin) return std::nullopt;
      return descriptor;
    }
    extra = extra.subspan(length);
  }
  return std::nullopt;
}

}  // namespace cardea::ccid
