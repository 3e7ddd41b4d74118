// A card at the other end of a TCP connection that speaks vpcd's protocol (vsmartcard): messages
// are a 16-bit big-endian length and that many bytes. From reader to card a single byte is a
// control code (0 power off, 1 power on, 2 reset, 4 ATR request), anything longer a command APDU;
// only the ATR request and APDUs are answered.
//
// A card that does not answer in time loses its connection: a late answer could not be told from
// the answer to the next command. Owned by a slot and watched by the VpcdListener; threads as
// VirtualCard says.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "drivers/virtual/virtual_card.hpp"

namespace cardea::virtual_reader {

inline constexpr std::size_t kVpcdMessageBytesMax = 65535;

struct VpcdTimeouts {
  milliseconds send{5'000};
  milliseconds atr{5'000};
  /// Long enough for a key generation in an interpreted virtual card.
  milliseconds apdu{120'000};
};

class VpcdCard final : public VirtualCard {
 public:
  /// `socket` is connected and non-blocking.
  explicit VpcdCard(UniqueFd socket, VpcdTimeouts timeouts = {});

  /// Reports a hang-up when the card is gone. Valid as long as the object.
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }

  [[nodiscard]] std::string_view kind() const noexcept override { return "vpcd"; }
  [[nodiscard]] Bytes atr() const override { return atr_; }
  RESPONSECODE power_up() override;
  RESPONSECODE reset() override;
  void power_down() override;
  RESPONSECODE transmit(ByteView command, Bytes& response) override;
  void remove() noexcept override;

 private:
  RESPONSECODE start(std::uint8_t control_code);
  RESPONSECODE send_message(ByteView message);
  RESPONSECODE receive_message(Bytes& message, milliseconds timeout);
  RESPONSECODE receive_exactly(std::span<std::uint8_t> bytes, TimePoint deadline);
  RESPONSECODE wait_until_ready(short events, TimePoint deadline);

  const UniqueFd socket_;
  const VpcdTimeouts timeouts_;
  Bytes atr_;
};

}  // namespace cardea::virtual_reader
