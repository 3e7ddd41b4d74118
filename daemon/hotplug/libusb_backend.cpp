#include "daemon/hotplug/libusb_backend.hpp"

#include <libusb-1.0/libusb.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <set>
#include <span>

#include "base/assert.hpp"
#include "base/thread.hpp"

namespace cardea {
namespace {

/// USB 3.2, 8.9: a route has at most five hubs, and there is the root port.
constexpr int kPortDepthMax = 7;
/// More than this between two reads is one "look at everything".
constexpr std::size_t kEventsMax = 256;
constexpr std::size_t kStringBytesMax = 256;

struct CloseHandle {
  void operator()(libusb_device_handle* handle) const { libusb_close(handle); }
};
struct FreeConfig {
  void operator()(libusb_config_descriptor* config) const { libusb_free_config_descriptor(config); }
};

/// "1-1.2": bus and ports; "usb1" for a root hub, as the kernel calls them.
std::string port_of(libusb_device* device) {
  std::array<std::uint8_t, kPortDepthMax> ports{};
  const int depth = libusb_get_port_numbers(device, ports.data(), kPortDepthMax);
  std::string path = std::to_string(libusb_get_bus_number(device));
  if (depth <= 0) return "usb" + path;
  for (const std::uint8_t port : std::span(ports).first(static_cast<std::size_t>(depth))) {
    path += (path.find('-') == std::string::npos ? "-" : ".") + std::to_string(port);
  }
  return path;
}

std::string identity_of(libusb_device* device) {
  return std::to_string(libusb_get_bus_number(device)) + ":" +
         std::to_string(libusb_get_device_address(device));
}

/// False while devtmpfs or udevd has not made the device node yet.
bool has_node(libusb_device* device) {
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/dev/bus/usb/%03d/%03d", libusb_get_bus_number(device),
                libusb_get_device_address(device));
  return ::access(path.data(), F_OK) == 0;
}

/// Empty if the device has no such string or does not tell. Sets `gone` if it is not there any
/// more.
std::string read_string(libusb_device_handle* handle, std::uint8_t index, bool& gone) {
  if (index == 0) return {};
  std::array<unsigned char, kStringBytesMax> text{};
  const int length =
      libusb_get_string_descriptor_ascii(handle, index, text.data(), static_cast<int>(text.size()));
  gone = gone || length == LIBUSB_ERROR_NO_DEVICE;
  return length > 0 ? std::string(text.begin(), text.begin() + length) : std::string();
}

std::span<const libusb_interface> interfaces_of(const libusb_config_descriptor& config) {
  return {config.interface, config.bNumInterfaces};
}

tl::unexpected<Error> cannot_list(int error) {
  return failure(ScardRv::no_service,
                 std::string("libusb cannot list USB devices: ") + libusb_strerror(error));
}

extern "C" int LIBUSB_CALL cardea_usb_moved(libusb_context*, libusb_device* device,
                                            libusb_hotplug_event event, void* report) {
  (*static_cast<std::function<void(HotplugEvent)>*>(report))(
      {port_of(device), event == LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT});
  return 0;
}

}  // namespace

Result<std::unique_ptr<HotplugBackend>> LibusbBackend::create(milliseconds rescan_period) {
  libusb_context* context = nullptr;
  if (const int error = libusb_init(&context); error != 0) {
    return failure(ScardRv::no_service, std::string("libusb cannot start: ") +
                                            libusb_strerror(error) +
                                            "; check that /sys and /dev/bus/usb are there");
  }
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) {
    libusb_exit(context);
    return failure(ScardRv::no_service, std::string("eventfd: ") + std::strerror(errno));
  }
  std::unique_ptr<LibusbBackend> backend(
      new LibusbBackend(context, std::move(wake), rescan_period));
  if (auto listening = backend->listen(); !listening) {
    return tl::make_unexpected(listening.error());
  }
  return backend;
}

LibusbBackend::LibusbBackend(libusb_context* context, UniqueFd wake, milliseconds rescan_period)
    : context_(context),
      wake_(std::move(wake)),
      rescan_period_(rescan_period),
      report_([this](HotplugEvent event) { report(std::move(event)); }) {}

LibusbBackend::~LibusbBackend() {
  stopping_ = true;
  if (thread_.joinable()) {
    libusb_interrupt_event_handler(context_);
    thread_.join();
  }
  libusb_exit(context_);
}

Result<void> LibusbBackend::listen() {
  const auto events = LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT;
  const int error = libusb_hotplug_register_callback(
      context_, events, 0, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY,
      LIBUSB_HOTPLUG_MATCH_ANY, cardea_usb_moved, &report_, nullptr);
  if (error != 0 && rescan_period_ == milliseconds::zero()) {
    return failure(ScardRv::no_service, std::string("libusb cannot report hot-plug: ") +
                                            libusb_strerror(error) +
                                            "; --force-reader-polling looks by itself");
  }
  if (!start_thread(thread_, [this] { run(); })) {
    return failure(ScardRv::no_memory, "the system has no thread for USB hot-plug");
  }
  return {};
}

void LibusbBackend::run() {
  const auto period = std::chrono::duration_cast<std::chrono::seconds>(rescan_period_);
  while (!stopping_) {
    if (period.count() == 0) {
      libusb_handle_events_completed(context_, nullptr);
      continue;
    }
    timeval wait{period.count(), 0};
    libusb_handle_events_timeout_completed(context_, &wait, nullptr);
    if (!stopping_) report({});
  }
}

void LibusbBackend::report(HotplugEvent event) {
  {
    const MutexLock lock(mutex_);
    if (events_.size() == kEventsMax) events_.clear();  // the scan finds out
    events_.push_back(std::move(event));
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

std::vector<HotplugEvent> LibusbBackend::read_events() {
  std::uint64_t count = 0;
  (void)!::read(wake_.get(), &count, sizeof count);
  const MutexLock lock(mutex_);
  return std::exchange(events_, {});
}

Result<std::vector<UsbInterface>> LibusbBackend::scan(const Wanted& wanted) {
  // A context of its own: the list of an old one only follows events, which may be lost, and lacks
  // devices that somebody failed to open, because libusb takes them for unplugged.
  libusb_context* context = nullptr;
  if (const int error = libusb_init(&context); error != 0) return cannot_list(error);
  libusb_device** list = nullptr;
  const ssize_t count = libusb_get_device_list(context, &list);
  std::vector<UsbInterface> found;
  if (count >= 0) {
    for (libusb_device* device : std::span(list, static_cast<std::size_t>(count))) {
      scan_device(device, wanted, found);
    }
    libusb_free_device_list(list, /*unref_devices=*/1);
  }
  libusb_exit(context);
  if (count < 0) return cannot_list(static_cast<int>(count));
  std::set<std::string> present;
  for (const UsbInterface& interface : found) present.insert(interface.identity);
  std::erase_if(strings_, [&](const auto& entry) { return !present.contains(entry.first); });
  return found;
}

void LibusbBackend::scan_device(libusb_device* device, const Wanted& wanted,
                                std::vector<UsbInterface>& found) {
  libusb_device_descriptor descriptor{};
  libusb_config_descriptor* active = nullptr;
  if (libusb_get_device_descriptor(device, &descriptor) != 0 ||
      libusb_get_active_config_descriptor(device, &active) != 0) {
    return;
  }
  const std::unique_ptr<libusb_config_descriptor, FreeConfig> config(active);
  const std::string identity = identity_of(device);
  int index = -1;
  for (const libusb_interface& interface : interfaces_of(*config)) {
    ++index;
    if (interface.num_altsetting < 1) continue;
    const libusb_interface_descriptor& setting = interface.altsetting[0];
    if (!wanted(descriptor.idVendor, descriptor.idProduct, setting.bInterfaceClass)) continue;
    const Strings* const strings = strings_of(device, descriptor, *config, identity);
    if (strings == nullptr) return;
    UsbInterface one;
    one.key = port_of(device) + ":" + std::to_string(config->bConfigurationValue) + "." +
              std::to_string(setting.bInterfaceNumber);
    one.identity = identity;
    one.vendor = descriptor.idVendor;
    one.product = descriptor.idProduct;
    one.interface_class = setting.bInterfaceClass;
    one.interface_number = setting.bInterfaceNumber;
    one.device_name = usb_name_prefix(one.vendor, one.product) + ":libusb-1.0:" + identity + ":" +
                      std::to_string(index);
    one.serial = strings->serial;
    if (const auto text = strings->interfaces.find(index); text != strings->interfaces.end()) {
      one.interface_text = text->second;
    }
    found.push_back(std::move(one));
  }
}

const LibusbBackend::Strings* LibusbBackend::strings_of(libusb_device* device,
                                                        const libusb_device_descriptor& descriptor,
                                                        const libusb_config_descriptor& config,
                                                        const std::string& identity) {
  static const Strings kNone;
  if (const auto known = strings_.find(identity); known != strings_.end()) return &known->second;
  if (!has_node(device)) return &kNone;  // ask again at the next scan
  libusb_device_handle* opened = nullptr;
  const int error = libusb_open(device, &opened);
  if (error == LIBUSB_ERROR_NO_DEVICE) return nullptr;
  if (error != 0) return &strings_[identity];  // the driver will say why
  const std::unique_ptr<libusb_device_handle, CloseHandle> handle(opened);
  bool gone = false;
  Strings strings;
  strings.serial = read_string(opened, descriptor.iSerialNumber, gone);
  int index = 0;
  for (const libusb_interface& interface : interfaces_of(config)) {
    if (interface.num_altsetting > 0) {
      strings.interfaces[index] = read_string(opened, interface.altsetting[0].iInterface, gone);
    }
    ++index;
  }
  // Another device may get this identity at once, and must not inherit what this one left unsaid.
  return gone ? nullptr : &(strings_[identity] = std::move(strings));
}

}  // namespace cardea
