#include "daemon/hotplug/udev_backend.hpp"

#include <libudev.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

namespace cardea {
namespace {

/// There while udevd runs; without it nobody would forward the kernel's events.
constexpr const char* kUdevdSocket = "/run/udev/control";
/// udevd's events carry the rules' work; there can be many at once when a hub is plugged in.
constexpr int kMonitorBufferBytes = 1 << 20;

struct Unref {
  void operator()(udev_device* device) const { udev_device_unref(device); }
  void operator()(udev_enumerate* enumerate) const { udev_enumerate_unref(enumerate); }
};
using DevicePtr = std::unique_ptr<udev_device, Unref>;
using EnumeratePtr = std::unique_ptr<udev_enumerate, Unref>;

std::string text_of(const char* text) { return text != nullptr ? text : ""; }

/// sysfs shows these in hexadecimal without a prefix.
template <typename Number>
bool read_hex(udev_device* device, const char* attribute, Number& value) {
  const char* text = udev_device_get_sysattr_value(device, attribute);
  if (text == nullptr) return false;
  const std::string_view digits(text);
  const auto end = digits.data() + digits.size();
  return std::from_chars(digits.data(), end, value, 16).ec == std::errc{};
}

bool is_interface(udev_device* device) {
  const char* type = udev_device_get_devtype(device);
  return type != nullptr && std::strcmp(type, "usb_interface") == 0;
}

/// False if the device has gone while it was being read.
bool describe(udev_device* interface, UsbInterface& found) {
  udev_device* device =  // borrowed from its child
      udev_device_get_parent_with_subsystem_devtype(interface, "usb", "usb_device");
  if (device == nullptr) return false;
  const char* node = udev_device_get_devnode(device);
  if (node == nullptr || !read_hex(device, "idVendor", found.vendor) ||
      !read_hex(device, "idProduct", found.product) ||
      !read_hex(interface, "bInterfaceClass", found.interface_class) ||
      !read_hex(interface, "bInterfaceNumber", found.interface_number)) {
    return false;
  }
  found.key = text_of(udev_device_get_sysname(interface));
  found.identity = node;
  found.device_name = usb_name_prefix(found.vendor, found.product) +
                      ":libudev:" + std::to_string(found.interface_number) + ":" + node;
  found.interface_text = text_of(udev_device_get_sysattr_value(interface, "interface"));
  found.serial = text_of(udev_device_get_sysattr_value(device, "serial"));
  found.ignored = text_of(udev_device_get_property_value(device, "PCSCLITE_IGNORE")) == "1";
  return true;
}

}  // namespace

Result<std::unique_ptr<HotplugBackend>> UdevBackend::create() {
  udev* context = udev_new();
  if (context == nullptr) return failure(ScardRv::no_service, "libudev cannot start");
  const char* source = ::access(kUdevdSocket, F_OK) == 0 ? "udev" : "kernel";
  udev_monitor* monitor = udev_monitor_new_from_netlink(context, source);
  std::unique_ptr<HotplugBackend> backend(new UdevBackend(context, monitor));
  if (monitor == nullptr ||
      udev_monitor_filter_add_match_subsystem_devtype(monitor, "usb", "usb_interface") < 0 ||
      udev_monitor_enable_receiving(monitor) < 0) {
    return failure(ScardRv::no_service,
                   std::string("libudev cannot listen: ") + std::strerror(errno));
  }
  // More than the default takes privileges; without them the default has to do.
  (void)udev_monitor_set_receive_buffer_size(monitor, kMonitorBufferBytes);
  return backend;
}

UdevBackend::~UdevBackend() {
  if (monitor_ != nullptr) udev_monitor_unref(monitor_);
  udev_unref(context_);
}

int UdevBackend::descriptor() const { return udev_monitor_get_fd(monitor_); }

std::vector<HotplugEvent> UdevBackend::read_events() {
  std::vector<HotplugEvent> events;
  while (const DevicePtr device{udev_monitor_receive_device(monitor_)}) {
    const std::string action = text_of(udev_device_get_action(device.get()));
    events.push_back({text_of(udev_device_get_sysname(device.get())), action == "remove"});
  }
  return events;
}

Result<std::vector<UsbInterface>> UdevBackend::scan(const Wanted&) {
  const EnumeratePtr enumerate(udev_enumerate_new(context_));
  if (!enumerate || udev_enumerate_add_match_subsystem(enumerate.get(), "usb") < 0 ||
      udev_enumerate_scan_devices(enumerate.get()) < 0) {
    return failure(ScardRv::no_service,
                   "libudev cannot list USB devices; check that /sys is "
                   "mounted");
  }
  std::vector<UsbInterface> found;
  for (udev_list_entry* entry = udev_enumerate_get_list_entry(enumerate.get()); entry != nullptr;
       entry = udev_list_entry_get_next(entry)) {
    const DevicePtr device(udev_device_new_from_syspath(context_, udev_list_entry_get_name(entry)));
    UsbInterface interface;
    if (device && is_interface(device.get()) && describe(device.get(), interface)) {
      found.push_back(std::move(interface));
    }
  }
  return found;
}

}  // namespace cardea
