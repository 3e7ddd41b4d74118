// Core: what clients see of readers (state arrays) and how they wait for changes.
#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "daemon/core/core.hpp"

namespace cardea::core {

void Core::get_states(ConnId conn, StateRequest request, TimePoint now, Effects& fx) {
  Client& self = client(conn);
  CARDEA_ASSERT(!self.call);
  if (shut_out(conn, fx)) return;
  if (request == StateRequest::wait && !self.dialect->wait_sends_states) {
    return register_wait(conn, self, now, fx);
  }
  if (request == StateRequest::fixed) end_silence(conn, fx);
  self.call.emplace(CallId{++last_id_}, StateFetch{request, false});
  evaluate(conn, now, fx);
}

void Core::get_states_size(ConnId conn, TimePoint now, Effects& fx) {
  Client& self = client(conn);
  CARDEA_ASSERT(!self.call);
  if (shut_out(conn, fx)) return;
  self.call.emplace(CallId{++last_id_}, StateFetch{StateRequest::sized, true});
  evaluate(conn, now, fx);
}

void Core::run(ConnId conn, const StateFetch& message, TimePoint now, Effects& fx) {
  // COMPAT: upstream waits without limit for a reader that starts; one hung driver then stops
  // SCardListReaders for everybody. See CoreReaders.AHungStartDelaysStateRequestsForFiveSeconds.
  if (wait_for_start_up(conn, now)) return;
  Client& self = client(conn);
  self.call.reset();
  if (message.size_only) {
    self.announced_slots = slots_to_announce();
    const wire::StateSize size{static_cast<std::int32_t>(self.announced_slots)};
    fx.replies.push_back(make_reply(conn, size));
    return;
  }
  self.seen_generation = generation_;
  fx.replies.push_back(Reply{conn, states(self, message.request), {}, true});
  if (message.request == StateRequest::wait) register_wait(conn, self, now, fx);
  // The array just sent is as fresh as can be: from here on a completion may follow it.
  if (message.request == StateRequest::sized) end_silence(conn, fx);
}

void Core::register_wait(ConnId conn, Client& self, TimePoint now, Effects& fx) {
  // COMPAT: one WAIT, one completion; upstream took a second one as another until 2.5.2. See
  // CoreEventsByDialect.ASecondWaitIsTheSameWait.
  if (self.wait != Wait::none) return;
  waiting_.push_back(conn);
  self.cancel_after_silence = false;
  if (self.dialect->completion_waits_for_array) {
    self.wait = Wait::silent;
    self.seen_generation = generation_;
    return;
  }
  self.wait = Wait::live;
  const bool cancelled = self.cancel_latched_until && *self.cancel_latched_until >= now;
  self.cancel_latched_until.reset();
  if (cancelled) return complete(conn, self, ScardRv::cancelled, fx);
  // COMPAT: upstream loses a change between a 4:3 client's state request and its WAIT. See
  // CoreEvents.AChangeBetweenStatesAndWaitCompletesTheWaitOf43.
  if (self.dialect->states_precede_wait && self.seen_generation != generation_) {
    complete(conn, self, ScardRv::success, fx);
  }
}

void Core::end_silence(ConnId conn, Effects& fx) {
  Client& self = client(conn);
  if (self.wait != Wait::silent) return;
  self.wait = Wait::live;
  if (self.cancel_after_silence) {
    complete(conn, self, ScardRv::cancelled, fx);
  } else if (self.seen_generation != generation_) {
    complete(conn, self, ScardRv::success, fx);
  }
}

void Core::complete(ConnId conn, Client& self, ScardRv rv, Effects& fx) {
  CARDEA_ASSERT(self.wait == Wait::live);
  self.wait = Wait::none;
  std::erase(waiting_, conn);
  const wire::Completion completion{reader_events_, to_wire(rv)};
  fx.replies.push_back(make_reply(conn, completion, /*ends_call=*/false));
}

void Core::signal(Effects& fx) {
  if (silenced_) return;
  ++generation_;
  const std::vector<ConnId> waiting = waiting_;
  for (const ConnId conn : waiting) {
    Client& waiter = client(conn);
    if (waiter.wait == Wait::live) complete(conn, waiter, ScardRv::success, fx);
  }
}

void Core::stop_waiting(ConnId conn, Effects& fx) {
  Client& self = client(conn);
  if (self.wait == Wait::none) return;  // its completion is on the way and is the answer
  self.wait = Wait::live;
  complete(conn, self, ScardRv::success, fx);
}

void Core::get_reader_events(ConnId conn, Effects& fx) {
  if (shut_out(conn, fx)) return;
  end_silence(conn, fx);
  const wire::ReaderEvents events{reader_events_, to_wire(ScardRv::success)};
  fx.replies.push_back(make_reply(conn, events));
}

std::size_t Core::slots_to_announce() const {
  // Multiples of the fixed size: old clients of a restarted daemon must never see it shrink.
  const std::size_t blocks = (slots_high_water_ + wire::kFixedSlots - 1) / wire::kFixedSlots;
  return std::max<std::size_t>(blocks, 1) * wire::kFixedSlots;
}

std::vector<std::byte> Core::states(const Client& self, StateRequest request) const {
  std::size_t count = settings_.legacy_slots;
  if (request == StateRequest::sized) {
    count = self.announced_slots != 0 ? self.announced_slots : slots_to_announce();
  }
  std::vector<std::byte> bytes(count * sizeof(wire::ReaderState));
  for (std::size_t slot = 0; slot < std::min(count, slots_.size()); ++slot) {
    if (!slots_[slot]) continue;
    const wire::ReaderState state = published(*slots_[slot]);
    std::memcpy(bytes.data() + slot * sizeof state, &state, sizeof state);
  }
  return bytes;
}

wire::ReaderState Core::published(const Reader& reader) const {
  wire::ReaderState state{};
  wire::set_name(state.name, reader.spec.name);
  state.event_counter = reader.event_counter;
  state.state = published_state(reader.card.phase);
  for (const CardHandle id : reader.handles) {
    const Handle& handle = handles_.at(id);
    if (!handle.open) continue;
    if (handle.mode == wire::ShareMode::exclusive) {
      state.sharing = -1;
      break;
    }
    ++state.sharing;
  }
  if (is_present(reader.card.phase)) {
    const auto atr = reader.card.atr.view();
    std::copy(atr.begin(), atr.end(), state.atr);
    state.atr_bytes = static_cast<std::uint32_t>(atr.size());
    state.protocol = effective_protocol(reader);
  }
  return state;
}

}  // namespace cardea::core
