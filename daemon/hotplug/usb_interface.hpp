// One interface of a USB device, as hot-plug reports it: all that choosing a driver, opening the
// reader and naming it takes. Value type.
#pragma once

#include <cstdint>
#include <string>

namespace cardea {

/// bInterfaceClass of smart-card readers (USB CCID Rev. 1.1, 4.2).
inline constexpr std::uint8_t kUsbClassSmartCard = 0x0B;

struct UsbInterface {
  /// The place: port path, configuration and interface, as the kernel writes them ("1-1.2:1.0").
  /// Whatever is plugged in there later has the same key.
  std::string key;
  std::string identity;  ///< bus and device number: every connection has new ones
  /// For IFDHCreateChannelByName, "usb:08e6/3437:libudev:0:/dev/bus/usb/008/047" or
  /// "usb:08e6/3437:libusb-1.0:8:47:0".
  std::string device_name;
  std::uint16_t vendor = 0;
  std::uint16_t product = 0;
  std::uint8_t interface_class = 0;
  unsigned interface_number = 0;
  std::string interface_text;  ///< the interface's string, empty if it has none
  std::string serial;          ///< the device's serial number, empty if it has none
  bool ignored = false;        ///< the administrator said PCSCLITE_IGNORE=1 in a udev rule

  friend bool operator==(const UsbInterface&, const UsbInterface&) = default;
};

/// "usb:08e6/3437", how device names begin.
std::string usb_name_prefix(std::uint16_t vendor, std::uint16_t product);

}  // namespace cardea
