#include "drivers/ccid/open_reader.hpp"

#include <string>
#include <utility>

#include "drivers/ccid/device_name.hpp"
#include "drivers/ccid/driver_log.hpp"
#include "drivers/ccid/driver_options.hpp"
#include "drivers/ccid/usb_device.hpp"

namespace cardea::ccid {
namespace {

ReaderOpener g_opener_for_test = nullptr;

IfdResult<std::shared_ptr<Reader>> open_usb_reader(std::string_view device_name) {
  const std::optional<DeviceName> name = parse_device_name(device_name);
  if (!name) {
    log_line(PCSC_LOG_CRITICAL, "not a USB device name: '" + std::string(device_name) + "'");
    return ifd_failure(IFD_COMMUNICATION_ERROR);
  }
  IfdResult<std::unique_ptr<UsbDevice>> usb = UsbDevice::open(*name);
  if (!usb) return ifd_failure(usb.error());
  UsbInterface interface = (*usb)->interface();
  return Reader::create(std::move(*usb), std::move(interface), read_driver_options());
}

}  // namespace

ReaderOpener reader_opener() {
  return g_opener_for_test == nullptr ? &open_usb_reader : g_opener_for_test;
}

void set_reader_opener_for_test(ReaderOpener opener) { g_opener_for_test = opener; }

}  // namespace cardea::ccid
