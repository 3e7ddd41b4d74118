// The USB devices of a test bed: root hubs, hubs and readers by port, their numbers, their files
// in /sys and /dev, and the udev events that tell of them. Ports are written as the kernel does:
// "1-1.2" is port 2 of the hub at port 1 of bus 1; hubs that a port needs come by themselves.
//
// Owned by main; thread-bound to the control server. Errors: invalid_parameter with a context.
#pragma once

#include <umockdev.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "tests/fakes/usb/sysfs.hpp"
#include "tests/fakes/usb/usb_device.hpp"

namespace cardea::usb_fake {

class DeviceNode;

class UsbTree {
 public:
  /// Number 1 is the root hub; as in the kernel, a new device gets the next number that is free,
  /// and only after the last one the low ones come again.
  static constexpr unsigned kNumberMax = 127;
  static constexpr unsigned kBusMax = 9;
  static constexpr std::size_t kDepthMax = 6;

  enum class ResetEvents { rebind, readd, none };

  /// `bed` stays the caller's and outlives the tree.
  explicit UsbTree(UMockdevTestbed* bed);

  /// The place it got. Error: no port, in use, bus full.
  Result<Place> add(std::string_view port, const DeviceSpec& spec);
  /// With everything that hangs on it. `announced` false: the remove events get lost.
  Result<void> remove(std::string_view port, bool announced);
  /// A port reset. With the same number and without remove and add it is still the same device,
  /// whose transfers were aborted and whose cards lost power; else a new one in the same place.
  Result<Place> reset(std::string_view port, bool new_number, ResetEvents events);
  /// Sends the event for the device and its interfaces, without anything having happened.
  Result<void> send(std::string_view port, const std::string& action) const;
  /// The device node that `node=off` left out.
  Result<void> write_node(std::string_view port) const;

  /// Null: there is none at this port.
  [[nodiscard]] std::shared_ptr<UsbDevice> find(std::string_view port) const;
  [[nodiscard]] const Place* place_of(std::string_view port) const;

  struct Totals {
    std::size_t devices = 0;  ///< without hubs
    unsigned unanswered = 0;  ///< see UsbDevice::Counters
  };
  [[nodiscard]] Totals totals() const;

 private:
  struct Node {
    Place place;
    DeviceSpec spec;
    std::shared_ptr<UsbDevice> device;
  };

  Result<void> make_parents(std::string_view port);
  Result<void> plug(std::string_view port, const DeviceSpec& spec, unsigned number);
  void attach(Node& node);
  void unplug(const Node& node, bool announced);
  Result<unsigned> next_number(unsigned bus);
  void announce(const Node& node, const char* action) const;
  void announce_interfaces(const Node& node, const char* action) const;

  UMockdevTestbed* const bed_;
  const Sysfs sysfs_;
  std::map<std::string, Node, std::less<>> nodes_;            ///< by port; root hubs as "usb1"
  std::map<std::string, std::shared_ptr<DeviceNode>> doors_;  ///< by device node
  std::map<unsigned, unsigned> last_numbers_;                 ///< by bus
  std::vector<std::weak_ptr<UsbDevice>> ever_;                ///< what somebody may still have open
};

}  // namespace cardea::usb_fake
