// A claimed USB interface of a reader: the only file of the driver that knows libusb. Owned by the
// reader; all its slots share it.
//
// Threads: as BulkPipe says. No thread of its own; whoever waits for a transfer handles libusb's
// events.
#pragma once

#include <memory>

#include "base/mutex.hpp"
#include "drivers/ccid/bulk_pipe.hpp"
#include "drivers/ccid/device_name.hpp"
#include "drivers/ccid/ifd_result.hpp"
#include "drivers/ccid/usb_interface.hpp"

struct libusb_context;
struct libusb_device;
struct libusb_device_handle;
struct libusb_interface;
struct libusb_transfer;

namespace cardea::ccid {

class UsbDevice final : public BulkPipe {
 public:
  /// Finds the device, claims its interface and reads what it says about itself. Errors:
  /// IFD_NO_SUCH_DEVICE if there is no such device or the interface is none of CCID's (part of a
  /// composite device, say), IFD_COMMUNICATION_ERROR otherwise; then a log line says why.
  static IfdResult<std::unique_ptr<UsbDevice>> open(const DeviceName& name);
  ~UsbDevice() override;

  [[nodiscard]] const UsbInterface& interface() const { return interface_; }

  IoStatus write(ByteView message, int timeout_ms) override;
  IoResult read(std::span<std::uint8_t> room, int timeout_ms) override;
  [[nodiscard]] bool has_interrupt() const override { return interrupt_in_ != 0; }
  IoResult read_interrupt(std::span<std::uint8_t> room, int timeout_ms) override
      EXCLUDES(interrupt_mutex_);
  void cancel_interrupt() noexcept override EXCLUDES(interrupt_mutex_);
  IoStatus request_abort(std::uint8_t slot, std::uint8_t sequence, int timeout_ms) override;

 private:
  UsbDevice() = default;
  IfdResult<void> open_device(const DeviceName& name);
  IfdResult<void> open_interface(libusb_device* device, const DeviceName& name);
  IfdResult<void> take_interface(const libusb_interface& interface);
  IfdResult<void> claim(int number);
  void read_strings(std::uint8_t manufacturer, std::uint8_t serial);
  void read_rates();
  std::string string_descriptor(std::uint8_t index) const;
  IoStatus outcome(int code, std::uint8_t endpoint) const;
  bool submit_interrupt(libusb_transfer& transfer, IoStatus& status) EXCLUDES(interrupt_mutex_);

  libusb_context* context_ = nullptr;
  libusb_device_handle* handle_ = nullptr;
  int number_ = -1;  ///< bInterfaceNumber, once claimed
  std::uint8_t bulk_in_ = 0;
  std::uint8_t bulk_out_ = 0;
  std::uint8_t interrupt_in_ = 0;     ///< 0: none
  std::size_t interrupt_packet_ = 0;  ///< bytes
  UsbInterface interface_;

  Mutex interrupt_mutex_;
  libusb_transfer* interrupt_transfer_ GUARDED_BY(interrupt_mutex_) = nullptr;
  bool interrupt_cancelled_ GUARDED_BY(interrupt_mutex_) = false;
};

}  // namespace cardea::ccid
