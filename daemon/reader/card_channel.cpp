#include "daemon/reader/card_channel.hpp"

#include <algorithm>
#include <array>

#include "daemon/reader/atr.hpp"
#include "protocol/wire.hpp"

namespace cardea {
namespace {

using core::CardPhase;
using core::CardState;
using core::Job;
using core::JobKind;
using core::JobResult;

CardState state_of(CardPhase phase) {
  CardState card;
  card.phase = phase;
  return card;
}

JobResult only_rv(ScardRv rv) {
  JobResult result;
  result.rv = rv;
  return result;
}

/// What TRANSMIT and CONTROL make of a driver's failure, and what it says about the card.
JobResult exchange_failure(IfdRv rv) {
  JobResult result;
  result.detail = to_string(rv);
  switch (rv) {
    case IfdRv::icc_not_present:
      result.rv = ScardRv::no_smartcard;
      result.card = state_of(CardPhase::absent);
      break;
    case IfdRv::no_such_device:
      result.rv = ScardRv::reader_unavailable;
      result.card = state_of(CardPhase::unknown);
      break;
    default:
      result.rv = ScardRv::not_transacted;
  }
  return result;
}

/// T=0 is 0 and T=1 is 1 in a driver's PCI; RAW stays 4.
unsigned long pci_number(std::uint32_t protocol) {
  if (protocol == wire::kProtocolT0) return 0;
  if (protocol == wire::kProtocolT1) return 1;
  return protocol;
}

}  // namespace

JobResult CardChannel::run(const Job& job, std::span<std::byte> scratch) {
  switch (job.kind) {
    case JobKind::check_presence:
      return check_presence(job);
    case JobKind::power_off:
      return power_off(job);
    case JobKind::connect:
      return connect(job);
    case JobKind::reconnect:
      return reconnect(job);
    case JobKind::card_action:
    case JobKind::clean_up:
      return card_action(job);
    case JobKind::transmit:
      return transmit(job, scratch);
    case JobKind::control:
      return control(job, scratch);
    case JobKind::get_attribute:
      return get_attribute(job, scratch);
    case JobKind::set_attribute:
      return set_attribute(job);
    case JobKind::close:
    case JobKind::guest:
      return {};  // nothing to say to the driver: its owner closes it, the guest opens another
  }
  return only_rv(ScardRv::internal_error);
}

ScardRv CardChannel::power(PowerAction action, CardState& card) {
  const IfdRv present = driver_.presence();
  if (present == IfdRv::icc_not_present) {
    card = state_of(CardPhase::absent);
    return ScardRv::removed_card;
  }
  if (present != IfdRv::success && present != IfdRv::icc_present) {
    card = state_of(CardPhase::unknown);
    return ScardRv::reader_unavailable;
  }
  AtrBytes atr;
  const IfdRv rv = driver_.power(action, atr);
  if (rv == IfdRv::no_such_device) {
    card = state_of(CardPhase::unknown);
    return ScardRv::reader_unavailable;
  }
  if (rv == IfdRv::icc_not_present) {
    card = state_of(CardPhase::absent);
    return ScardRv::removed_card;
  }
  card.protocol = wire::kProtocolUnset;
  if (action == PowerAction::down) {
    // A card that cannot be switched off still needs a power-up before it is used again.
    card.phase = CardPhase::unpowered;
  } else if (rv == IfdRv::success) {
    card.phase = CardPhase::powered;
    card.atr = atr;
  } else {
    card = state_of(CardPhase::mute);
  }
  return rv == IfdRv::success ? ScardRv::success : ScardRv::not_transacted;
}

ScardRv CardChannel::power_cycle(CardState& card) {
  const ScardRv down = power(PowerAction::down, card);
  return down == ScardRv::success ? power(PowerAction::up, card) : down;
}

JobResult CardChannel::check_presence(const Job& job) {
  JobResult result;
  const IfdRv rv = driver_.presence();
  if (rv == IfdRv::icc_not_present) {
    result.card = state_of(CardPhase::absent);
  } else if (rv != IfdRv::success && rv != IfdRv::icc_present) {
    result.card = state_of(CardPhase::unknown);
    result.detail = to_string(rv);
  } else if (!core::is_present(job.card.phase)) {
    CardState card = job.card;
    (void)power(PowerAction::up, card);  // the outcome is in the card's state
    result.card = card;
  }
  return result;
}

JobResult CardChannel::power_off(const Job& job) {
  JobResult result;
  CardState card = job.card;
  result.rv = power(PowerAction::down, card);
  if (card.phase == CardPhase::unpowered) card.phase = CardPhase::auto_off;
  result.card = card;
  return result;
}

ScardRv CardChannel::choose_protocol(std::uint32_t asked, CardState& card, std::uint32_t& active) {
  if ((asked & wire::kProtocolRaw) != 0) {
    active = wire::kProtocolRaw;
    return ScardRv::success;
  }
  if (card.protocol == wire::kProtocolUnset) {
    const AtrProtocols atr = atr_protocols(card.atr.view());
    const std::uint32_t common = atr.offered & asked;
    if (common == 0) return ScardRv::proto_mismatch;
    const std::uint32_t first =
        (common & wire::kProtocolT1) != 0 ? wire::kProtocolT1 : wire::kProtocolT0;
    IfdRv rv = driver_.set_protocol(first);
    card.protocol = first;
    if (rv == IfdRv::error_not_supported || rv == IfdRv::protocol_not_supported) {
      if ((atr.fallback & asked) == 0) {
        card.protocol = wire::kProtocolUnset;
        return ScardRv::proto_mismatch;
      }
      card.protocol = atr.fallback;
      if (atr.fallback != first) rv = driver_.set_protocol(atr.fallback);
    } else if (rv == IfdRv::not_supported && atr.fallback != 0) {
      // The driver cannot do PPS: the card goes on with what its ATR says.
      card.protocol = atr.fallback;
      rv = IfdRv::success;
    }
    if (rv != IfdRv::success) {
      card.protocol = wire::kProtocolUnset;
      return ScardRv::unresponsive_card;
    }
  }
  if ((card.protocol & asked) == 0) return ScardRv::proto_mismatch;
  active = card.protocol;
  return ScardRv::success;
}

JobResult CardChannel::connect(const Job& job) {
  JobResult result;
  CardState card = job.card;
  if (card.phase != CardPhase::powered) {
    result.rv = power(PowerAction::up, card);
    if (result.rv == ScardRv::removed_card) result.rv = ScardRv::no_smartcard;
    if (result.rv == ScardRv::not_transacted) result.rv = ScardRv::unpowered_card;
  }
  if (result.rv == ScardRv::success) {
    result.rv = choose_protocol(job.protocols, card, result.active_protocol);
  }
  result.card = card;
  return result;
}

JobResult CardChannel::reconnect(const Job& job) {
  JobResult result;
  CardState card = job.card;
  if (job.power_cycle) {
    result.rv = power_cycle(card);
  } else if (job.reset) {
    result.rv = power(PowerAction::reset, card);
  } else if (card.phase != CardPhase::powered) {
    // COMPAT: upstream leaves an unpowered card unpowered here; the next TRANSMIT then fails.
    // See CoreSharing.ReconnectPowersACardThatSomebodySwitchedOff.
    result.rv = power(PowerAction::up, card);
  }
  if (result.rv == ScardRv::removed_card) result.rv = ScardRv::no_smartcard;
  if (result.rv == ScardRv::not_transacted) result.rv = ScardRv::unresponsive_card;
  if (result.rv == ScardRv::success && job.protocols != 0) {
    result.rv = choose_protocol(job.protocols, card, result.active_protocol);
  }
  result.card = card;
  return result;
}

JobResult CardChannel::card_action(const Job& job) {
  if (job.action == wire::Disposition::eject) return eject();
  JobResult result;
  CardState card = job.card;
  if (job.action == wire::Disposition::reset) {
    result.rv = power(PowerAction::reset, card);
  } else {
    result.rv = job.power_cycle ? power_cycle(card) : power(PowerAction::down, card);
  }
  result.card = card;
  return result;
}

JobResult CardChannel::eject() {
  // CT-BCS EJECT ICC for the first slot; only 2.0 handlers are asked.
  constexpr std::array kEject{std::byte{0x20}, std::byte{0x15}, std::byte{0x01}, std::byte{0x00},
                              std::byte{0x00}};
  std::array<std::byte, 2> answer{};
  std::size_t returned = 0;
  const IfdRv rv = driver_.control(0, kEject, answer, returned);
  const bool done = rv == IfdRv::success && returned >= 1 && answer[0] == std::byte{0x90};
  return only_rv(done ? ScardRv::success : ScardRv::not_transacted);
}

JobResult CardChannel::transmit(const Job& job, std::span<std::byte> scratch) {
  const IfdPci send_pci{pci_number(job.transmit.send_pci_protocol), job.transmit.send_pci_length};
  IfdPci recv_pci{job.transmit.recv_pci_protocol, job.transmit.recv_pci_length};
  std::size_t received = scratch.size();
  const IfdRv rv = driver_.transmit(send_pci, job.payload, scratch, received, recv_pci);
  if (rv != IfdRv::success) return exchange_failure(rv);
  JobResult result;
  result.data = scratch;
  result.bytes = received;
  result.recv_pci = recv_pci;
  return result;
}

JobResult CardChannel::control(const Job& job, std::span<std::byte> scratch) {
  std::size_t returned = 0;
  const IfdRv rv = driver_.control(job.control.control_code, job.payload, scratch, returned);
  switch (rv) {
    case IfdRv::success:
      break;
    case IfdRv::error_not_supported:
    case IfdRv::not_supported:
      return only_rv(ScardRv::unsupported_feature);
    case IfdRv::insufficient_buffer:
      return only_rv(ScardRv::insufficient_buffer);
    case IfdRv::no_such_device:
      return exchange_failure(rv);
    default:
      return only_rv(ScardRv::not_transacted);
  }
  JobResult result;
  result.data = scratch;
  result.bytes = returned;
  return result;
}

JobResult CardChannel::get_attribute(const Job& job, std::span<std::byte> scratch) {
  const auto room = scratch.first(wire::kAttributeBytesMax);
  std::size_t length = 0;
  const IfdRv rv = driver_.get_capability(job.attribute.id, room, length);
  if (rv == IfdRv::tag) return only_rv(ScardRv::unsupported_feature);
  if (rv == IfdRv::insufficient_buffer) return only_rv(ScardRv::insufficient_buffer);
  if (rv != IfdRv::success) return only_rv(ScardRv::not_transacted);
  JobResult result;
  result.data = room;
  result.bytes = length;
  return result;
}

JobResult CardChannel::set_attribute(const Job& job) {
  const auto value = std::as_bytes(std::span(job.attribute.value)).first(job.attribute.bytes);
  const IfdRv rv = driver_.set_capability(job.attribute.id, value);
  if (rv == IfdRv::success) return {};
  return only_rv(rv == IfdRv::tag ? ScardRv::unsupported_feature : ScardRv::not_transacted);
}

}  // namespace cardea
