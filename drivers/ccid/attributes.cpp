#include "drivers/ccid/attributes.hpp"

#include <cstring>
#include <string>

#include "drivers/ccid/registry.hpp"
#include "reader.h"

// The C header's attribute names expand to C casts.
#pragma GCC diagnostic ignored "-Wold-style-cast"

namespace cardea::ccid {
namespace {

constexpr std::uint8_t kSimultaneousReaders = 255;
constexpr std::uint8_t kYes = 1;
constexpr std::uint8_t kCardPresent = 2;  // ICC_PRESENCE: 0 none, 1 and 2 in, 4 confiscated

Bytes flag(bool value) { return {value ? kYes : std::uint8_t{0}}; }

Bytes text(const std::string& value) {
  Bytes bytes(value.begin(), value.end());
  if (!bytes.empty()) bytes.push_back(0);
  return bytes;
}

Bytes number_32(std::uint32_t value) {
  Bytes bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::optional<Bytes> client_attribute(Reader& reader, Slot& slot, DWORD tag) {
  const UsbInterface& usb = reader.interface();
  switch (tag) {
    case SCARD_ATTR_ATR_STRING:
      return slot.atr();
    case SCARD_ATTR_ICC_PRESENCE:
      return Bytes{slot.presence() == IFD_ICC_PRESENT ? kCardPresent : std::uint8_t{0}};
    case SCARD_ATTR_ICC_INTERFACE_STATUS:
      return flag(!slot.atr().empty());
    case SCARD_ATTR_VENDOR_NAME:
      return text(usb.manufacturer);
    case SCARD_ATTR_VENDOR_IFD_SERIAL_NO:
      return text(usb.serial);
    case SCARD_ATTR_VENDOR_IFD_VERSION:
      // 0xMMmmbbbb: the device's version in front, no build number.
      return number_32(static_cast<std::uint32_t>(usb.device_bcd) << 16U);
    case SCARD_ATTR_MAXINPUT:
      return number_32(static_cast<std::uint32_t>(usb.descriptor.max_data_bytes()));
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Bytes> attribute(Reader& reader, DWORD lun, DWORD tag) {
  switch (tag) {
    case TAG_IFD_ATR:
      return reader.slot(slot_number(lun)).atr();
    case TAG_IFD_SIMULTANEOUS_ACCESS:
      return Bytes{kSimultaneousReaders};
    case TAG_IFD_THREAD_SAFE:
    case TAG_IFD_DEVICE_REMOVED:
      return flag(true);
    case TAG_IFD_SLOT_THREAD_SAFE:
      return flag(reader.slots_are_independent());
    case TAG_IFD_SLOTS_NUMBER:
      return Bytes{low_byte(reader.slots())};
    case TAG_IFD_SLOTNUM:
      return Bytes{low_byte(slot_number(lun))};
    default:
      return client_attribute(reader, reader.slot(slot_number(lun)), tag);
  }
}

}  // namespace cardea::ccid
