// Hot-plug by libusb-1.0, for machines and containers where libudev does not work. libusb reports
// from a thread of its own; this class passes its reports on through a descriptor. Strings are
// read from the devices themselves, once per connection.
//
// Threads: as HotplugBackend; the callback runs on the event thread.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.hpp"
#include "base/unique_fd.hpp"
#include "daemon/hotplug/hotplug_backend.hpp"

struct libusb_config_descriptor;
struct libusb_context;
struct libusb_device;
struct libusb_device_descriptor;

namespace cardea {

class LibusbBackend final : public HotplugBackend {
 public:
  /// Error (no_service): libusb cannot start here.
  static Result<std::unique_ptr<HotplugBackend>> create(milliseconds rescan_period);
  ~LibusbBackend() override;

  [[nodiscard]] const char* name() const override { return "libusb"; }
  [[nodiscard]] int descriptor() const override { return wake_.get(); }
  std::vector<HotplugEvent> read_events() override EXCLUDES(mutex_);
  Result<std::vector<UsbInterface>> scan(const Wanted& wanted) override;

 private:
  /// Strings of one connection: the serial number, and one text per interface index.
  struct Strings {
    std::string serial;
    std::map<int, std::string> interfaces;
  };

  LibusbBackend(libusb_context* context, UniqueFd wake, milliseconds rescan_period);
  Result<void> listen();
  void run() EXCLUDES(mutex_);
  void report(HotplugEvent event) EXCLUDES(mutex_);
  void scan_device(libusb_device* device, const Wanted& wanted, std::vector<UsbInterface>& found);
  /// Null: the device has gone meanwhile.
  const Strings* strings_of(libusb_device* device, const libusb_device_descriptor& descriptor,
                            const libusb_config_descriptor& config, const std::string& identity);

  libusb_context* const context_;
  const UniqueFd wake_;  ///< eventfd
  const milliseconds rescan_period_;
  std::function<void(HotplugEvent)> report_;  ///< what the callback is given
  std::atomic<bool> stopping_{false};
  std::map<std::string, Strings> strings_;  ///< by identity; those of gone devices are dropped
  Mutex mutex_;
  std::vector<HotplugEvent> events_ GUARDED_BY(mutex_);  // bounded by kEventsMax
  std::thread thread_;
};

}  // namespace cardea
