// The device names with which a daemon opens a USB reader, in the two forms of pcscd:
//   usb:VVVV/PPPP:libudev:INTERFACE:/dev/bus/usb/BBB/DDD    (INTERFACE: bInterfaceNumber)
//   usb:VVVV/PPPP:libusb-1.0:BUS:ADDRESS:INDEX              (INDEX: place in the configuration)
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cardea::ccid {

struct DeviceName {
  std::uint16_t vendor_id = 0;
  std::uint16_t product_id = 0;
  unsigned bus = 0;
  unsigned address = 0;
  unsigned interface = 0;           ///< number or index
  bool interface_is_index = false;  ///< the libusb form
};

/// Nothing if the name has another form or a number out of its range.
std::optional<DeviceName> parse_device_name(std::string_view name);

}  // namespace cardea::ccid
