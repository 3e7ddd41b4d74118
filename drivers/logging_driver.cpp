#include "drivers/logging_driver.hpp"

#include <algorithm>

#include "base/apdu_mask.hpp"
#include "base/log.hpp"

namespace cardea {
namespace {

constexpr std::size_t kStatusBytes = 2;

std::span<const unsigned char> plain(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()};
}

}  // namespace

IfdRv LoggingDriver::transmit(IfdPci send_pci, std::span<const std::byte> command,
                              std::span<std::byte> response, std::size_t& received,
                              IfdPci& recv_pci) {
  const SecretRange secret = secret_of_apdu(plain(command));
  log_bytes("APDU: ", command, secret);
  const IfdRv rv = driver_->transmit(send_pci, command, response, received, recv_pci);
  if (rv == IfdRv::success) {
    const auto answer = response.first(std::min(received, response.size()));
    // Who is sent a secret may repeat it; how it went is no secret.
    const bool is_plain = secret.empty() || answer.size() <= kStatusBytes;
    log_bytes("SW: ", answer, {0, is_plain ? 0 : answer.size() - kStatusBytes});
  }
  return rv;
}

void LoggingDriver::log_bytes(const char* label, std::span<const std::byte> bytes,
                              SecretRange secret) const {
  std::string text = label + masked_hex(plain(bytes), secret, kShownBytesMax);
  if (bytes.size() > kShownBytesMax) text += " ... (" + std::to_string(bytes.size()) + " bytes)";
  log::write_always({log::Level::info,
                     std::move(text),
                     {{"READER", log::escape(reader_name_)}},
                     log::Event::apdu});
}

}  // namespace cardea
