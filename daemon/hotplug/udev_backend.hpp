// Hot-plug by libudev. Listens to udevd, so that devices come with their permissions set, or to
// the kernel where no udevd runs. Threads: as HotplugBackend.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/hotplug/hotplug_backend.hpp"

struct udev;
struct udev_device;
struct udev_monitor;

namespace cardea {

class UdevBackend final : public HotplugBackend {
 public:
  /// Error (no_service): libudev cannot listen here.
  static Result<std::unique_ptr<HotplugBackend>> create();
  ~UdevBackend() override;

  [[nodiscard]] const char* name() const override { return "udev"; }
  [[nodiscard]] int descriptor() const override;
  std::vector<HotplugEvent> read_events() override;
  Result<std::vector<UsbInterface>> scan(const Wanted& wanted) override;

 private:
  UdevBackend(udev* context, udev_monitor* monitor) : context_(context), monitor_(monitor) {}

  udev* const context_;
  udev_monitor* const monitor_;
};

}  // namespace cardea
