// Where USB devices come from. An event only says that something has moved at a place; what is
// there is always learned from a scan, so that a lost event heals with the next one.
//
// Threads: one caller at a time; descriptor() is constant.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "daemon/hotplug/hotplug_kind.hpp"
#include "daemon/hotplug/usb_interface.hpp"

namespace cardea {

struct HotplugEvent {
  std::string key;       ///< of the interface, or the port path of a whole device
  bool removed = false;  ///< whatever was there is gone, even if the scan finds something again
};

class HotplugBackend {
 public:
  /// True for devices whose strings are worth asking for: others are left alone, because asking
  /// wakes them up.
  using Wanted = std::function<bool(std::uint16_t vendor, std::uint16_t product,
                                    std::uint8_t interface_class)>;

  HotplugBackend() = default;
  HotplugBackend(const HotplugBackend&) = delete;
  HotplugBackend& operator=(const HotplugBackend&) = delete;
  virtual ~HotplugBackend() = default;

  [[nodiscard]] virtual const char* name() const = 0;
  /// Readable when events are waiting; -1 if this back end has none.
  [[nodiscard]] virtual int descriptor() const = 0;
  /// The events since the last call. Does not block.
  virtual std::vector<HotplugEvent> read_events() = 0;
  /// All interfaces that are plugged in now; those that are not wanted may be left out.
  virtual Result<std::vector<UsbInterface>> scan(const Wanted& wanted) = 0;
};

/// The back end for `kind`; nullptr for none. Events are collected from here on, so a scan right
/// after it misses nothing. automatic: udev, or libusb where udev does not work or a
/// period is given.
/// `rescan_period`: libusb only; looks itself once a period, for containers that get no events;
/// zero: never.
Result<std::unique_ptr<HotplugBackend>> create_hotplug_backend(HotplugKind kind,
                                                               milliseconds rescan_period);

}  // namespace cardea
