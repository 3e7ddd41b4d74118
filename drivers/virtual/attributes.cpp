#include "drivers/virtual/attributes.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "drivers/virtual/registry.hpp"
#include "drivers/virtual/vpcd_card.hpp"
#include "reader.h"

// The C header's attribute names expand to C casts.
#pragma GCC diagnostic ignored "-Wold-style-cast"

namespace cardea::virtual_reader {
namespace {

constexpr std::uint8_t kSimultaneousReaders = 255;
constexpr std::uint8_t kYes = 1;
constexpr std::uint8_t kCardPresent = 2;  // ICC_PRESENCE: 0 none, 1 and 2 in, 4 confiscated
constexpr std::uint32_t kDriverVersion = 0x01000000;  // major, minor, build (16 bits)

/// What Windows' drivers number CM_IOCTL_GET_FEATURE_REQUEST; remote desktops pass it on.
constexpr DWORD kWindowsGetFeatureRequest = 0x00313520;
constexpr DWORD kGetTlvProperties = SCARD_CTL_CODE(0x330000 + FEATURE_GET_TLV_PROPERTIES);

constexpr std::uint32_t kApduDataBytesMax = 65536;
/// A vpcd message minus header, extended Lc and Le.
constexpr std::uint32_t kVpcdApduDataBytesMax = kVpcdMessageBytesMax - 4 - 3 - 2;

Bytes text(std::string_view value) {
  // With its NUL, as other drivers answer and callers expect of a string.
  Bytes bytes(value.begin(), value.end());
  bytes.push_back(0);
  return bytes;
}

Bytes number_32(std::uint32_t value) {
  Bytes bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

Bytes serial_number(DWORD lun) {
  std::array<char, 16> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%04X-%04X", reader_number(lun), slot_number(lun));
  return text(buffer.data());
}

std::optional<Bytes> card_attribute(const SlotStatus& card, DWORD tag) {
  switch (tag) {
    case TAG_IFD_ATR:
    case SCARD_ATTR_ATR_STRING:
      return card.atr;
    case SCARD_ATTR_ICC_PRESENCE:
      return Bytes{card.card_kind.empty() ? std::uint8_t{0} : kCardPresent};
    case SCARD_ATTR_ICC_INTERFACE_STATUS:
      return Bytes{card.powered ? kYes : std::uint8_t{0}};
    case SCARD_ATTR_CURRENT_PROTOCOL_TYPE:
      return number_32(card.protocol);
    default:
      return std::nullopt;
  }
}

void append_little_endian(Bytes& out, std::uint32_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) {
    out.push_back(static_cast<std::uint8_t>(value >> (8 * i) & 0xFFU));
  }
}

/// One property: tag, length, little-endian value.
void append_property(Bytes& out, std::uint8_t tag, std::uint32_t value, std::uint8_t bytes) {
  out.push_back(tag);
  out.push_back(bytes);
  append_little_endian(out, value, bytes);
}

Bytes tlv_properties(const VirtualReader& reader) {
  const bool is_vpcd = reader.settings().vpcd_port.has_value();
  Bytes out;
  append_property(out, PCSCv2_PART10_PROPERTY_wLcdLayout, 0, 2);  // no display
  append_property(out, PCSCv2_PART10_PROPERTY_bPPDUSupport, 0, 1);
  append_property(out, PCSCv2_PART10_PROPERTY_dwMaxAPDUDataSize,
                  is_vpcd ? kVpcdApduDataBytesMax : kApduDataBytesMax, 4);
  return out;
}

/// The feature list: tag, length, control code in big-endian order.
Bytes feature_list() {
  Bytes out{FEATURE_GET_TLV_PROPERTIES, 4};
  for (unsigned shift = 32; shift > 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(kGetTlvProperties >> (shift - 8) & 0xFFU));
  }
  return out;
}

}  // namespace

std::optional<Bytes> attribute(const VirtualReader& reader, DWORD lun, DWORD tag) {
  switch (tag) {
    case TAG_IFD_SIMULTANEOUS_ACCESS:
      return Bytes{kSimultaneousReaders};
    case TAG_IFD_THREAD_SAFE:
    case TAG_IFD_SLOT_THREAD_SAFE:
      return Bytes{kYes};
    case TAG_IFD_SLOTS_NUMBER:
      return Bytes{static_cast<std::uint8_t>(reader.settings().slots)};
    case TAG_IFD_SLOTNUM:
      return Bytes{static_cast<std::uint8_t>(slot_number(lun))};
    case SCARD_ATTR_VENDOR_NAME:
      return text("Cardea");
    case SCARD_ATTR_VENDOR_IFD_TYPE:
      return text("Cardea Virtual Reader");
    case SCARD_ATTR_VENDOR_IFD_VERSION:
      return number_32(kDriverVersion);
    case SCARD_ATTR_VENDOR_IFD_SERIAL_NO:
      return serial_number(lun);
    case SCARD_ATTR_MAXINPUT:
      return number_32(MAX_BUFFER_SIZE_EXTENDED);
    default:
      return card_attribute(reader.slot(slot_number(lun)).status(), tag);
  }
}

std::optional<Bytes> control_answer(const VirtualReader& reader, DWORD code) {
  if (code == CM_IOCTL_GET_FEATURE_REQUEST || code == kWindowsGetFeatureRequest) {
    return feature_list();
  }
  if (code == kGetTlvProperties) return tlv_properties(reader);
  return std::nullopt;
}

}  // namespace cardea::virtual_reader
