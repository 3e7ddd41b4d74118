// Writes devices into the /sys and /dev that umockdev shows to programs, as the kernel would lay
// them out. Only files: no events. Owned by a UsbTree; thread-bound.
#pragma once

#include <filesystem>
#include <string>

#include "tests/fakes/usb/device_spec.hpp"

namespace cardea::usb_fake {

/// Where a device is.
struct Place {
  std::string name;    ///< "usb1", "1-1.2"
  std::string parent;  ///< path below /sys/devices of what it hangs on; empty: a root hub
  unsigned bus = 1;
  unsigned number = 1;

  [[nodiscard]] std::string path() const;                          ///< below /sys/devices
  [[nodiscard]] std::string syspath() const;                       ///< "/sys/devices/usb1/1-1"
  [[nodiscard]] std::string node() const;                          ///< "/dev/bus/usb/001/003"
  [[nodiscard]] std::string interface_name(unsigned index) const;  ///< "1-1:1.0"
};

class Sysfs {
 public:
  /// `root`: the folder that stands for / in programs.
  explicit Sysfs(std::filesystem::path root) : root_(std::move(root)) {}

  /// The device, its interfaces and, if it has one, its node.
  void write(const Place& place, const DeviceSpec& spec) const;
  void write_node(const Place& place) const;
  /// The device, its interfaces and its node; what hangs on it must be gone.
  void erase(const Place& place, const DeviceSpec& spec) const;

 private:
  void write_interface(const Place& place, const DeviceSpec& spec, unsigned index) const;
  void link_into_bus(const std::string& name, const std::filesystem::path& folder) const;
  [[nodiscard]] std::filesystem::path folder(const Place& place) const;
  [[nodiscard]] std::filesystem::path bus_link(const std::string& name) const;

  const std::filesystem::path root_;
};

}  // namespace cardea::usb_fake
