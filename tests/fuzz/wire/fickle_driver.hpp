// A reader whose answers follow from dice: good ones, failures of every kind, answers longer than
// there is room for. It keeps the promises of IfdDriver, as InProcessDriver does for any handler.
// Owned by a WireSession; bound to its thread.
#pragma once

#include "drivers/ifd_driver.hpp"
#include "tests/fuzz/dice.hpp"

namespace cardea::fuzz {

class FickleDriver final : public IfdDriver {
 public:
  /// `faults`: how many of 100 calls fail. `dice` is borrowed.
  FickleDriver(Dice& dice, unsigned faults) : dice_(dice), faults_(faults) { move_card(); }

  /// Another card, a mute one, or none.
  void move_card();
  /// From now on nothing fails; with a good card in it or none.
  void reform(bool card);

  IfdRv presence() override;
  IfdRv power(PowerAction action, AtrBytes& atr) override;
  IfdRv set_protocol(std::uint32_t protocol) override;
  IfdRv transmit(IfdPci send_pci, std::span<const std::byte> command, std::span<std::byte> response,
                 std::size_t& received, IfdPci& recv_pci) override;
  IfdRv control(std::uint32_t code, std::span<const std::byte> command,
                std::span<std::byte> response, std::size_t& returned) override;
  IfdRv get_capability(std::uint32_t tag, std::span<std::byte> value, std::size_t& length) override;
  IfdRv set_capability(std::uint32_t tag, std::span<const std::byte> value) override;
  [[nodiscard]] bool has_wait_event() const override { return true; }
  IfdRv wait_event(milliseconds) override { return IfdRv::success; }
  [[nodiscard]] bool can_stop_waiting() const override { return true; }
  bool stop_waiting() override { return true; }
  [[nodiscard]] bool is_version_2() const override { return false; }

 private:
  enum class Card { none, good, mute };

  IfdRv outcome(IfdRv otherwise);
  std::size_t answer(std::span<std::byte> room);

  Dice& dice_;
  unsigned faults_;
  bool reformed_ = false;
  Card card_ = Card::good;
  AtrBytes atr_;
};

}  // namespace cardea::fuzz
