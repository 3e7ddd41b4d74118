#include "drivers/logging_driver.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace cardea {

IfdRv LoggingDriver::transmit(IfdPci send_pci, std::span<const std::byte> command,
                              std::span<std::byte> response, std::size_t& received,
                              IfdPci& recv_pci) {
  log_bytes("APDU: ", command);
  const IfdRv rv = driver_->transmit(send_pci, command, response, received, recv_pci);
  if (rv == IfdRv::success) {
    log_bytes("SW: ", response.first(std::min(received, response.size())));
  }
  return rv;
}

void LoggingDriver::log_bytes(const char* label, std::span<const std::byte> bytes) const {
  const std::span<const unsigned char> plain(reinterpret_cast<const unsigned char*>(bytes.data()),
                                             bytes.size());
  log::write_always({log::Level::info,
                     label + log::hex(plain, kShownBytesMax),
                     {{"READER", log::escape(reader_name_)}},
                     log::Event::apdu});
}

}  // namespace cardea
