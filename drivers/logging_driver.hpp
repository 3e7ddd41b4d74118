// Puts what passes between client and card into the log, for pcscd --apdu: around any driver, one
// object a slot. COMPAT: pcsc-lite shows PINs. Here they and what else base/apdu_mask.hpp knows as
// secret are masked; what is sent to the reader itself (control: secure PIN entry) is not logged.
// Threads: as IfdDriver.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/apdu_mask.hpp"
#include "drivers/ifd_driver.hpp"

namespace cardea {

class LoggingDriver final : public IfdDriver {
 public:
  /// Bytes of one APDU that are shown; of longer ones the log has the beginning and the length.
  static constexpr std::size_t kShownBytesMax = 4096;

  /// `reader_name` goes with each record, as its field READER.
  LoggingDriver(std::unique_ptr<IfdDriver> driver, std::string reader_name)
      : driver_(std::move(driver)), reader_name_(std::move(reader_name)) {}

  /// Logs "APDU: 00 A4 ..." and, if it succeeds, "SW: ... 90 00" with all the card has answered;
  /// at level info, but whatever the least level is. Secret bytes are "**", and so is what a card
  /// answers to a command with secrets, but for the status.
  IfdRv transmit(IfdPci send_pci, std::span<const std::byte> command, std::span<std::byte> response,
                 std::size_t& received, IfdPci& recv_pci) override;

  IfdRv presence() override { return driver_->presence(); }
  IfdRv power(PowerAction action, AtrBytes& atr) override { return driver_->power(action, atr); }
  IfdRv set_protocol(std::uint32_t protocol) override { return driver_->set_protocol(protocol); }
  IfdRv control(std::uint32_t code, std::span<const std::byte> command,
                std::span<std::byte> response, std::size_t& returned) override {
    return driver_->control(code, command, response, returned);
  }
  IfdRv get_capability(std::uint32_t tag, std::span<std::byte> value,
                       std::size_t& length) override {
    return driver_->get_capability(tag, value, length);
  }
  IfdRv set_capability(std::uint32_t tag, std::span<const std::byte> value) override {
    return driver_->set_capability(tag, value);
  }
  [[nodiscard]] bool has_wait_event() const override { return driver_->has_wait_event(); }
  IfdRv wait_event(milliseconds timeout) override { return driver_->wait_event(timeout); }
  [[nodiscard]] bool can_stop_waiting() const override { return driver_->can_stop_waiting(); }
  bool stop_waiting() override { return driver_->stop_waiting(); }
  [[nodiscard]] bool is_version_2() const override { return driver_->is_version_2(); }

 private:
  void log_bytes(const char* label, std::span<const std::byte> bytes, SecretRange secret) const;

  const std::unique_ptr<IfdDriver> driver_;
  const std::string reader_name_;
};

}  // namespace cardea
