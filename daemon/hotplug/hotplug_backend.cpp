#include "daemon/hotplug/hotplug_backend.hpp"

#include <array>
#include <cstdio>

#include "base/log.hpp"
#include "daemon/hotplug/libusb_backend.hpp"
#include "daemon/hotplug/udev_backend.hpp"

namespace cardea {

std::string usb_name_prefix(std::uint16_t vendor, std::uint16_t product) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "usb:%04x/%04x", vendor, product);
  return text.data();
}

Result<std::unique_ptr<HotplugBackend>> create_hotplug_backend(HotplugKind kind,
                                                               milliseconds rescan_period) {
  switch (kind) {
    case HotplugKind::none:
      return nullptr;
    case HotplugKind::udev:
      return UdevBackend::create();
    case HotplugKind::libusb:
      return LibusbBackend::create(rescan_period);
    case HotplugKind::automatic:
      break;
  }
  // Whoever wants the bus to be looked at has no events to follow.
  if (rescan_period != milliseconds::zero()) return LibusbBackend::create(rescan_period);
  auto udev = UdevBackend::create();
  if (udev) return udev;
  log::write(log::Level::info, "no hot-plug by udev: " + udev.error().context + "; using libusb",
             {}, log::Event::hotplug_source);
  return LibusbBackend::create(rescan_period);
}

}  // namespace cardea
