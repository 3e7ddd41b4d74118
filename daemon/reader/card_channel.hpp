// The conversation with one driver, in straight-line blocking code: what the core decided becomes
// driver calls, what the driver says becomes a JobResult. Has no state of its own; the card's
// state comes with the job. One call at a time per safety domain (the core sees to that).
#pragma once

#include <span>

#include "daemon/core/effects.hpp"
#include "drivers/ifd_driver.hpp"

namespace cardea {

class CardChannel {
 public:
  /// `driver` is borrowed for the life of this object.
  explicit CardChannel(IfdDriver& driver) : driver_(driver) {}

  /// `scratch` receives what the driver answers (wire::kPayloadBytesMax bytes of room);
  /// JobResult::data borrows from it.
  core::JobResult run(const core::Job& job, std::span<std::byte> scratch);

 private:
  core::JobResult check_presence(const core::Job& job);
  core::JobResult power_off(const core::Job& job);
  core::JobResult connect(const core::Job& job);
  core::JobResult reconnect(const core::Job& job);
  core::JobResult card_action(const core::Job& job);
  core::JobResult eject();
  core::JobResult transmit(const core::Job& job, std::span<std::byte> scratch);
  core::JobResult control(const core::Job& job, std::span<std::byte> scratch);
  core::JobResult get_attribute(const core::Job& job, std::span<std::byte> scratch);
  core::JobResult set_attribute(const core::Job& job);

  /// Asks for presence, then powers. The card's new state is in `card`.
  ScardRv power(PowerAction action, core::CardState& card);
  ScardRv power_cycle(core::CardState& card);
  /// Settles the protocol among `asked` (a mask); PPS if none is settled yet.
  ScardRv choose_protocol(std::uint32_t asked, core::CardState& card, std::uint32_t& active);

  IfdDriver& driver_;
};

}  // namespace cardea
