#include "drivers/ccid/usb_device.hpp"

#include <libusb.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/scope_exit.hpp"
#include "drivers/ccid/driver_log.hpp"

namespace cardea::ccid {
namespace {

constexpr std::uint8_t kClassSmartCard = 0x0B;
constexpr std::uint8_t kClassVendor = 0xFF;
constexpr std::uint8_t kProtocolCcid = 0;  ///< 1 and 2 are the ICCD token protocols

/// bmRequestType of a class request to an interface.
constexpr std::uint8_t kClassRequestOut = 0x21;
constexpr std::uint8_t kClassRequestIn = 0xA1;
constexpr std::uint8_t kRequestAbort = 1;  ///< class requests, CCID Rev 1.1, 5.3
constexpr std::uint8_t kRequestRates = 3;
constexpr unsigned kControlTimeoutMs = 1'000;
constexpr unsigned kPacketSizeMask = 0x7FF;  ///< of wMaxPacketSize

tl::unexpected<RESPONSECODE> refuse(const std::string& why) {
  log_line(PCSC_LOG_CRITICAL, why);
  return ifd_failure(IFD_COMMUNICATION_ERROR);
}

std::string usb_error(const std::string& what, int code) {
  return what + ": " + ::libusb_error_name(code);
}

ByteView view(const unsigned char* data, int length) {
  return data == nullptr || length <= 0 ? ByteView()
                                        : ByteView(data, static_cast<std::size_t>(length));
}

/// Most readers put the class descriptor behind the interface, some behind the last endpoint.
std::optional<CcidDescriptor> class_descriptor(const libusb_interface_descriptor& setting) {
  std::optional<CcidDescriptor> found =
      parse_class_descriptor(view(setting.extra, setting.extra_length));
  if (found || setting.bNumEndpoints == 0) return found;
  const libusb_endpoint_descriptor& last = setting.endpoint[setting.bNumEndpoints - 1];
  return parse_class_descriptor(view(last.extra, last.extra_length));
}

bool is_named(const libusb_device_descriptor& device, const DeviceName& name) {
  return device.idVendor == name.vendor_id && device.idProduct == name.product_id;
}

const libusb_interface* find_interface(const libusb_config_descriptor& config,
                                       const DeviceName& name) {
  for (int i = 0; i < config.bNumInterfaces; ++i) {
    const libusb_interface& interface = config.interface[i];
    if (interface.num_altsetting < 1) continue;
    const unsigned key =
        name.interface_is_index ? static_cast<unsigned>(i) : interface.altsetting->bInterfaceNumber;
    if (key == name.interface) return &interface;
  }
  return nullptr;
}

unsigned bounded(int timeout_ms) {
  // Zero would be "for ever".
  return static_cast<unsigned>(std::max(timeout_ms, 1));
}

extern "C" void LIBUSB_CALL note_completion(libusb_transfer* transfer) {
  *static_cast<int*>(transfer->user_data) = 1;
}

IoStatus transfer_outcome(const libusb_transfer& transfer) {
  switch (transfer.status) {
    case LIBUSB_TRANSFER_COMPLETED:
      return IoStatus::ok;
    case LIBUSB_TRANSFER_TIMED_OUT:
      return IoStatus::timeout;
    case LIBUSB_TRANSFER_CANCELLED:
      return IoStatus::cancelled;
    case LIBUSB_TRANSFER_NO_DEVICE:
      return IoStatus::gone;
    default:
      return IoStatus::error;
  }
}

}  // namespace

IfdResult<std::unique_ptr<UsbDevice>> UsbDevice::open(const DeviceName& name) {
  std::unique_ptr<UsbDevice> usb(new UsbDevice());
  const IfdResult<void> opened = usb->open_device(name);
  if (!opened) return ifd_failure(opened.error());
  return usb;
}

UsbDevice::~UsbDevice() {
  if (number_ >= 0) ::libusb_release_interface(handle_, number_);
  if (handle_ != nullptr) ::libusb_close(handle_);
  if (context_ != nullptr) ::libusb_exit(context_);
}

IfdResult<void> UsbDevice::open_device(const DeviceName& name) {
  if (const int rc = ::libusb_init(&context_); rc != 0) {
    context_ = nullptr;
    return refuse(usb_error("cannot use libusb", rc));
  }
  libusb_device** list = nullptr;
  const ssize_t count = ::libusb_get_device_list(context_, &list);
  if (count < 0) return refuse(usb_error("cannot list USB devices", static_cast<int>(count)));
  const ScopeExit free_list([list] { ::libusb_free_device_list(list, /*unref_devices=*/1); });
  for (libusb_device* const device : std::span(list, static_cast<std::size_t>(count))) {
    if (::libusb_get_bus_number(device) != name.bus) continue;
    if (::libusb_get_device_address(device) != name.address) continue;
    return open_interface(device, name);
  }
  return ifd_failure(IFD_NO_SUCH_DEVICE);
}

IfdResult<void> UsbDevice::open_interface(libusb_device* device, const DeviceName& name) {
  libusb_device_descriptor about{};
  if (const int rc = ::libusb_get_device_descriptor(device, &about); rc != 0) {
    return refuse(usb_error("no device descriptor", rc));
  }
  if (!is_named(about, name)) return ifd_failure(IFD_NO_SUCH_DEVICE);
  libusb_config_descriptor* config = nullptr;
  if (const int rc = ::libusb_get_active_config_descriptor(device, &config); rc != 0) {
    return refuse(usb_error("no active configuration", rc));
  }
  const ScopeExit free_config([config] { ::libusb_free_config_descriptor(config); });
  const libusb_interface* const found = find_interface(*config, name);
  if (found == nullptr) return ifd_failure(IFD_NO_SUCH_DEVICE);
  const IfdResult<void> taken = take_interface(*found);
  if (!taken) return taken;
  if (const int rc = ::libusb_open(device, &handle_); rc != 0) {
    handle_ = nullptr;
    if (rc == LIBUSB_ERROR_NO_DEVICE) return ifd_failure(IFD_NO_SUCH_DEVICE);
    return refuse(usb_error("cannot open the device", rc));
  }
  const IfdResult<void> claimed = claim(found->altsetting->bInterfaceNumber);
  if (!claimed) return claimed;
  interface_.vendor_id = about.idVendor;
  interface_.product_id = about.idProduct;
  interface_.device_bcd = about.bcdDevice;
  read_strings(about.iManufacturer, about.iSerialNumber);
  read_rates();
  return {};
}

IfdResult<void> UsbDevice::take_interface(const libusb_interface& interface) {
  const libusb_interface_descriptor& setting = *interface.altsetting;
  const std::optional<CcidDescriptor> descriptor = class_descriptor(setting);
  const bool of_class = setting.bInterfaceClass == kClassSmartCard;
  if (!of_class && !(setting.bInterfaceClass == kClassVendor && descriptor)) {
    return ifd_failure(IFD_NO_SUCH_DEVICE);
  }
  if (!descriptor) return refuse("the interface has no usable CCID class descriptor");
  if (of_class && setting.bInterfaceProtocol != kProtocolCcid) {
    return refuse("a token of the ICCD protocol " + std::to_string(setting.bInterfaceProtocol) +
                  " is not supported");
  }
  for (const libusb_endpoint_descriptor& endpoint :
       std::span(setting.endpoint, setting.bNumEndpoints)) {
    const std::uint8_t address = endpoint.bEndpointAddress;
    const unsigned type = endpoint.bmAttributes & LIBUSB_TRANSFER_TYPE_MASK;
    const bool is_in = (address & LIBUSB_ENDPOINT_IN) != 0;
    if (type == LIBUSB_TRANSFER_TYPE_BULK) (is_in ? bulk_in_ : bulk_out_) = address;
    if (type == LIBUSB_TRANSFER_TYPE_INTERRUPT && is_in) {
      interrupt_in_ = address;
      interrupt_packet_ = endpoint.wMaxPacketSize & kPacketSizeMask;
    }
  }
  if (bulk_in_ == 0 || bulk_out_ == 0) return refuse("the interface has no pair of bulk endpoints");
  interface_.descriptor = *descriptor;
  return {};
}

IfdResult<void> UsbDevice::claim(int number) {
  const int rc = ::libusb_claim_interface(handle_, number);
  if (rc == LIBUSB_ERROR_NO_DEVICE) return ifd_failure(IFD_NO_SUCH_DEVICE);
  if (rc != 0) {
    return refuse(usb_error("cannot claim interface " + std::to_string(number), rc));
  }
  number_ = number;
  return {};
}

void UsbDevice::read_strings(std::uint8_t manufacturer, std::uint8_t serial) {
  interface_.manufacturer = string_descriptor(manufacturer);
  interface_.serial = string_descriptor(serial);
}

std::string UsbDevice::string_descriptor(std::uint8_t index) const {
  if (index == 0) return {};
  std::array<unsigned char, 128> text{};  // a string descriptor has at most 126 characters
  const int length = ::libusb_get_string_descriptor_ascii(handle_, index, text.data(),
                                                          static_cast<int>(text.size()));
  return length <= 0 ? std::string() : std::string(text.begin(), text.begin() + length);
}

void UsbDevice::read_rates() {
  if (interface_.descriptor.rates == 0) return;
  Bytes raw(std::size_t{4} * interface_.descriptor.rates);
  const int length = ::libusb_control_transfer(
      handle_, kClassRequestIn, kRequestRates, 0, static_cast<std::uint16_t>(number_), raw.data(),
      static_cast<std::uint16_t>(raw.size()), kControlTimeoutMs);
  if (length < 0) {
    log_line(PCSC_LOG_INFO, usb_error("the reader does not list its data rates", length));
    return;
  }
  for (std::size_t at = 0; at + 4 <= static_cast<std::size_t>(length); at += 4) {
    interface_.rates_bps.push_back(little_endian(raw, at, 4));
  }
}

IoStatus UsbDevice::outcome(int code, std::uint8_t endpoint) const {
  switch (code) {
    case LIBUSB_SUCCESS:
      return IoStatus::ok;
    case LIBUSB_ERROR_TIMEOUT:
      return IoStatus::timeout;
    case LIBUSB_ERROR_NO_DEVICE:
      return IoStatus::gone;
    case LIBUSB_ERROR_PIPE:
      if (endpoint != 0) (void)::libusb_clear_halt(handle_, endpoint);  // or the next one tells
      break;
    default:
      break;
  }
  log_line(PCSC_LOG_ERROR, usb_error("USB transfer", code));
  return IoStatus::error;
}

IoStatus UsbDevice::write(ByteView message, int timeout_ms) {
  // libusb takes a pointer to non-const for both directions.
  Bytes copy(message.begin(), message.end());
  int written = 0;
  const int rc =
      ::libusb_bulk_transfer(handle_, bulk_out_, copy.data(), static_cast<int>(copy.size()),
                             &written, bounded(timeout_ms));
  const IoStatus status = outcome(rc, bulk_out_);
  return status == IoStatus::ok && written != static_cast<int>(copy.size()) ? IoStatus::error
                                                                            : status;
}

IoResult UsbDevice::read(std::span<std::uint8_t> room, int timeout_ms) {
  int length = 0;
  const int rc = ::libusb_bulk_transfer(
      handle_, bulk_in_, room.data(), static_cast<int>(room.size()), &length, bounded(timeout_ms));
  return {outcome(rc, bulk_in_), static_cast<std::size_t>(std::max(length, 0))};
}

bool UsbDevice::submit_interrupt(libusb_transfer& transfer, IoStatus& status) {
  MutexLock lock(interrupt_mutex_);
  if (interrupt_cancelled_) {
    interrupt_cancelled_ = false;
    status = IoStatus::cancelled;
    return false;
  }
  if (const int rc = ::libusb_submit_transfer(&transfer); rc != 0) {
    status = outcome(rc, interrupt_in_);
    return false;
  }
  interrupt_transfer_ = &transfer;
  return true;
}

IoResult UsbDevice::read_interrupt(std::span<std::uint8_t> room, int timeout_ms) {
  libusb_transfer* const transfer = ::libusb_alloc_transfer(0);
  if (transfer == nullptr) return {IoStatus::error, 0};
  const ScopeExit free_transfer([transfer] { ::libusb_free_transfer(transfer); });
  int completed = 0;
  // A transfer ends with a short packet or when it is full: no longer than what comes at a time.
  const std::size_t message = 1 + (std::size_t{interface_.descriptor.slots} + 3) / 4;
  const std::size_t length = std::min(std::max(interrupt_packet_, message), room.size());
  ::libusb_fill_interrupt_transfer(transfer, handle_, interrupt_in_, room.data(),
                                   static_cast<int>(length), note_completion, &completed,
                                   bounded(timeout_ms));
  IoStatus status = IoStatus::error;
  if (!submit_interrupt(*transfer, status)) return {status, 0};
  while (completed == 0) {
    const int rc = ::libusb_handle_events_completed(context_, &completed);
    // The transfer has to come back before it can be freed.
    if (rc != 0 && rc != LIBUSB_ERROR_INTERRUPTED) (void)::libusb_cancel_transfer(transfer);
  }
  {
    MutexLock lock(interrupt_mutex_);
    interrupt_transfer_ = nullptr;
    interrupt_cancelled_ = false;
  }
  status = transfer_outcome(*transfer);
  if (transfer->status == LIBUSB_TRANSFER_STALL) status = outcome(LIBUSB_ERROR_PIPE, interrupt_in_);
  return {status, static_cast<std::size_t>(std::max(transfer->actual_length, 0))};
}

void UsbDevice::cancel_interrupt() noexcept {
  MutexLock lock(interrupt_mutex_);
  if (interrupt_transfer_ == nullptr) {
    interrupt_cancelled_ = true;
  } else {
    (void)::libusb_cancel_transfer(interrupt_transfer_);  // it may just have ended by itself
  }
}

IoStatus UsbDevice::request_abort(std::uint8_t slot, std::uint8_t sequence, int timeout_ms) {
  const auto value = static_cast<std::uint16_t>(sequence << 8U | slot);
  const int rc = ::libusb_control_transfer(handle_, kClassRequestOut, kRequestAbort, value,
                                           static_cast<std::uint16_t>(number_), nullptr, 0,
                                           bounded(timeout_ms));
  return rc < 0 ? outcome(rc, 0) : IoStatus::ok;
}

}  // namespace cardea::ccid
