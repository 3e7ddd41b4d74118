#include "drivers/ccid/reader.hpp"

#include <utility>

#include "drivers/ccid/driver_log.hpp"

namespace cardea::ccid {

Reader::Reader(std::unique_ptr<BulkPipe> pipe, UsbInterface interface, const DriverOptions& options)
    : pipe_(std::move(pipe)),
      interface_(std::move(interface)),
      options_(options),
      device_(*pipe_, interface_.descriptor, options.log_traffic),
      monitor_(*pipe_, interface_.descriptor.slots) {
  for (unsigned number = 0; number < slots(); ++number) {
    slots_.push_back(std::make_unique<Slot>(device_, interface_, low_byte(number),
                                            [this, number] { monitor_.wake(number); }));
  }
}

IfdResult<std::shared_ptr<Reader>> Reader::create(std::unique_ptr<BulkPipe> pipe,
                                                  UsbInterface interface,
                                                  const DriverOptions& options) {
  if (interface.descriptor.level() == ExchangeLevel::character) {
    log_line(PCSC_LOG_CRITICAL,
             "the reader works at character level, which this driver does not support");
    return ifd_failure(IFD_COMMUNICATION_ERROR);
  }
  std::shared_ptr<Reader> reader(new Reader(std::move(pipe), std::move(interface), options));
  const RESPONSECODE rv = reader->slot(0).warm_up();
  if (rv == IFD_SUCCESS) return reader;
  if (rv != IFD_NO_SUCH_DEVICE) log_line(PCSC_LOG_CRITICAL, "the reader does not answer");
  return ifd_failure(rv == IFD_NO_SUCH_DEVICE ? rv : IFD_COMMUNICATION_ERROR);
}

bool Reader::slots_are_independent() const {
  return slots() > 1 && interface_.descriptor.max_busy_slots >= slots();
}

void Reader::set_gone() {
  device_.set_gone();
  monitor_.set_gone();
}

}  // namespace cardea::ccid
