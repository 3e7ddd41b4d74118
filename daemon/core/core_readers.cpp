// Core: readers, the cards in them, and what happens when either changes.
#include <algorithm>

#include "base/assert.hpp"
#include "daemon/core/core.hpp"

namespace cardea::core {
namespace {

constexpr std::uint32_t kReaderEventsMax = 32767;

std::string describe(const CardState& card) {
  switch (card.phase) {
    case CardPhase::unknown:
      return "no answer from the reader";
    case CardPhase::absent:
      return "no card";
    case CardPhase::mute:
      return "card does not answer (inserted the wrong way round?)";
    default:
      return "card present, ATR " + log::hex(card.atr.view(), wire::kAtrBytesMax);
  }
}

log::Record reader_record(log::Level level, const std::string& name, const std::string& what,
                          log::Event event = log::Event::none) {
  const std::string safe = log::escape(name);
  return {level, "reader \"" + safe + "\": " + what, {{"READER", safe}}, event};
}

}  // namespace

DomainId Core::add_domain() {
  const DomainId id{++last_id_};
  domains_[id];
  return id;
}

bool Core::enter_domain(DomainId domain, GuestId guest, TimePoint now, Effects& fx) {
  if (!knows(domain)) return false;
  submit({.kind = Work::Kind::guest, .guest = guest}, domain, now, fx);
  return true;
}

void Core::reader_start_began(TimePoint now) {
  if (starting_ == 0) start_up_until_ = now + settings_.start_up_wait;
  ++starting_;
}

void Core::reader_start_ended(TimePoint now, Effects& fx) {
  CARDEA_ASSERT(starting_ > 0);
  --starting_;
  release_start_up(now, fx);
}

std::unique_ptr<Core::Reader>& Core::make_slot(unsigned rank) {
  const auto first = std::find_if(slots_.rbegin(), slots_.rend(), [rank](const auto& reader) {
                       return reader && reader->spec.rank < rank;
                     }).base();
  const auto last = std::find_if(first, slots_.end(), [rank](const auto& reader) {
    return reader && reader->spec.rank > rank;
  });
  const auto free = std::find(first, last, nullptr);
  if (free != last) return *free;
  const auto made = slots_.emplace(last);
  slots_high_water_ = std::max(slots_high_water_, slots_.size());
  return *made;
}

ReaderId Core::add_reader(const ReaderSpec& spec, TimePoint now, Effects& fx) {
  CARDEA_ASSERT(find_reader(spec.name) == nullptr);
  std::unique_ptr<Reader>& slot = make_slot(spec.rank);
  slot = std::make_unique<Reader>();
  Reader& reader = *slot;
  reader.id = ReaderId{++last_id_};
  reader.spec = spec;
  reader.lock = TransactionQueue(settings_.lock);
  reader_start_began(now);
  presence_hint(reader.id, now, fx);
  return reader.id;
}

void Core::poll_instead(ReaderId id) {
  // The first check is on its way; the next one is planned when it ends.
  if (Reader* reader = find_reader(id)) reader->spec.driver_events = false;
}

void Core::presence_hint(ReaderId id, TimePoint now, Effects& fx) {
  Reader* reader = find_reader(id);
  if (reader == nullptr) return;
  if (reader->check_pending) {
    reader->hinted = true;
    return;
  }
  reader->check_pending = true;
  reader->poll_at.reset();
  submit({Work::Kind::check_presence, id}, reader->spec.domain, now, fx);
}

void Core::remove_reader(ReaderId id, TimePoint now, Effects& fx) {
  Reader* found = find_reader(id);
  if (found == nullptr) return;
  leaving_.push_back(std::move(*std::find_if(
      slots_.begin(), slots_.end(), [found](const auto& slot) { return slot.get() == found; })));
  Reader& reader = *leaving_.back();
  for (const CardHandle handle : reader.handles) handles_.at(handle).reader = {};
  std::vector<CardHandle> unfinished;
  for (const CardHandle handle : reader.handles) {
    if (!handles_.at(handle).open) unfinished.push_back(handle);
  }
  reader.handles.clear();
  reader.lock = TransactionQueue(settings_.lock);
  Domain& domain = domains_.at(reader.spec.domain);
  std::erase_if(domain.queue, [id](const Work& work) { return work.reader == id; });
  for (auto& [conn, holder] : clients_) {
    if (!holder.call || holder.call->reader != id) continue;
    // A DISCONNECT has reached its aim; everybody else's driver call is void.
    const bool running = holder.call->place == Call::Place::running &&
                         !std::holds_alternative<wire::Disconnect>(holder.call->message);
    holder.call->reader = {};
    const ConnId waiting = conn;
    if (running) {
      answer_call(waiting, ScardRv::reader_unavailable, fx);
    } else if (holder.call->place != Call::Place::start_up) {
      evaluate(waiting, now, fx);
    }
  }
  for (const CardHandle handle : unfinished) drop_handle(handle, now, fx);
  fx.records.push_back(
      reader_record(log::Level::info, reader.spec.name, "removed", log::Event::reader_removed));
  if (reader.starting) first_check_done(reader, now, fx);
  count_reader_event();
  signal(fx);
  submit({Work::Kind::close, id}, reader.spec.domain, now, fx);
}

void Core::close_done(const Job& job) {
  const auto leaving = std::find_if(leaving_.begin(), leaving_.end(), [&job](const auto& reader) {
    return reader->id == job.reader;
  });
  CARDEA_ASSERT(leaving != leaving_.end());
  leaving_.erase(leaving);
}

void Core::finish(Job& job, const JobResult& result, TimePoint now, Effects& fx) {
  Reader* reader = find_reader(job.reader);
  if (reader != nullptr && result.card) apply_card(*reader, *result.card, now, fx);
  if (reader != nullptr && job.conn && is_own_lock(job.conn, *reader)) reader->lock.use(now);
  answer_finished(job, result, reader, now, fx);
  // The card may have lost its power with nobody telling, as after a USB reset; most drivers find
  // out when they are asked for it.
  const bool card_failed =
      (job.kind == JobKind::transmit && result.rv == ScardRv::not_transacted) ||
      ((job.kind == JobKind::connect || job.kind == JobKind::reconnect) &&
       result.rv == ScardRv::unresponsive_card);
  if (reader != nullptr && card_failed) presence_hint(reader->id, now, fx);
  if (reader != nullptr) serve_line(*reader, now, fx);
  domain_done(job.domain, now, fx);
  if (job.kind == JobKind::close || job.kind == JobKind::guest) forget_unused(job.domain);
}

void Core::answer_finished(Job& job, const JobResult& result, Reader* reader, TimePoint now,
                           Effects& fx) {
  switch (job.kind) {
    case JobKind::check_presence:
      if (reader == nullptr) return;
      reader->check_pending = false;
      if (reader->starting) first_check_done(*reader, now, fx);
      plan_poll(*reader, now);
      if (reader->hinted) presence_hint(reader->id, now, fx);
      return;
    case JobKind::power_off:
    case JobKind::guest:
      return;
    case JobKind::clean_up:
      if (reader == nullptr) return;
      reader->lock.set_internal(false);
      if (is_present(reader->card.phase)) mark_handles(*reader, Mark::reset, 0);
      return;
    case JobKind::connect:
      return finish_connect(job, result, now, fx);
    case JobKind::reconnect:
      return finish_reconnect(job, result, now, fx);
    case JobKind::card_action:
      return finish_action(job, result, now, fx);
    case JobKind::transmit:
      return finish_transmit(job, result, fx);
    case JobKind::control:
      return finish_control(job, result, fx);
    case JobKind::get_attribute:
    case JobKind::set_attribute:
      return finish_attribute(job, result, fx);
    case JobKind::close:
      return close_done(job);
  }
}

Core::Call* Core::find_call(const Job& job) {
  const auto it = clients_.find(job.conn);
  if (it == clients_.end() || !it->second.call || it->second.call->id != job.call) return nullptr;
  return &*it->second.call;
}

void Core::first_check_done(Reader& reader, TimePoint now, Effects& fx) {
  reader.starting = false;
  if (find_reader(reader.id) != nullptr) {
    count_reader_event();
    signal(fx);
    fx.records.push_back(reader_record(log::Level::info, reader.spec.name,
                                       "ready, " + describe(reader.card),
                                       log::Event::reader_ready));
  }
  reader_start_ended(now, fx);
}

void Core::apply_card(Reader& reader, const CardState& card, TimePoint now, Effects& fx) {
  const CardState before = reader.card;
  reader.card = card;
  plan_power_off(reader, now);
  note_fault(reader, now);
  // No driver event says that a fault is over, so even these readers are polled meanwhile.
  if (card.phase == CardPhase::unknown && !reader.check_pending) plan_poll(reader, now);
  if (card.phase == before.phase || reader.starting) return;
  if (card.phase == CardPhase::unknown) {
    reader.card.atr = {};
    reader.card.protocol = 0;
    fx.records.push_back(reader_record(
        log::Level::error, reader.spec.name,
        "the driver reports a fault; the reader is unavailable until it answers again. If it stays "
        "so: check the cable, unplug and replug it",
        log::Event::reader_fault));
  } else if (card.phase == CardPhase::absent) {
    card_removed(reader, fx);
    // Drivers say once "absent" of a card that was exchanged or lost its power between two looks,
    // and no event says that it is there.
    if (reader.spec.driver_events) presence_hint(reader.id, now, fx);
  } else if (!is_present(before.phase)) {
    card_inserted(reader, before, fx);
  }
  if (published_state(card.phase) != published_state(before.phase)) signal(fx);
}

void Core::card_inserted(Reader& reader, const CardState& before, Effects& fx) {
  ++reader.event_counter;
  // COMPAT: upstream leaves the handles unmarked after a fault; their next TRANSMIT then fails
  // with PROTO_MISMATCH, which tells nobody to reconnect. See
  // CoreCards.APublishedFaultHealsAndAsksForAReconnect.
  if (before.phase == CardPhase::unknown) mark_handles(reader, Mark::reset, 0);
  fx.records.push_back(reader_record(log::Level::debug, reader.spec.name, describe(reader.card)));
}

void Core::card_removed(Reader& reader, Effects& fx) {
  ++reader.event_counter;
  reader.lock.drop_owner();
  mark_handles(reader, Mark::removed, 0);
  fx.records.push_back(reader_record(log::Level::debug, reader.spec.name, "card removed"));
}

void Core::mark_handles(Reader& reader, Mark mark, CardHandle except) {
  for (const CardHandle id : reader.handles) {
    Handle& handle = handles_.at(id);
    if (handle.open && id != except) handle.mark = mark;
  }
}

void Core::note_use(Reader& reader, TimePoint, Effects& fx) {
  const std::int32_t sharing = published(reader).sharing;
  const std::int32_t use = std::clamp(sharing, -1, 1);
  if (use == reader.published_use) return;
  reader.published_use = use;
  // COMPAT: upstream notices this at its next card poll, up to 10 minutes late. See
  // CoreEvents.SharingIsAnEvent.
  signal(fx);
}

void Core::note_fault(Reader& reader, TimePoint now) {
  const bool faulty = reader.card.phase == CardPhase::unknown;
  if (faulty == reader.faulty) return;
  reader.faulty = faulty;
  reader.fault_due.reset();
  if (faulty) reader.fault_due = now + settings_.fault_patience;
}

void Core::plan_power_off(Reader& reader, TimePoint now) {
  reader.off_at.reset();
  if (reader.card.phase != CardPhase::powered || !reader.handles.empty()) return;
  switch (reader.spec.power_off.kind) {
    case PowerOff::Kind::standard:
      reader.off_at = now + (reader.spec.driver_events ? settings_.off_after_events
                                                       : settings_.off_after_polled);
      break;
    case PowerOff::Kind::after:
      reader.off_at = now + reader.spec.power_off.delay;
      break;
    case PowerOff::Kind::never:
      break;
  }
}

void Core::plan_poll(Reader& reader, TimePoint now) {
  if (reader.spec.driver_events && reader.card.phase != CardPhase::unknown) return;
  // All polled readers share the ticks of one grid: one wake-up serves them all.
  const auto period = std::chrono::duration_cast<Duration>(settings_.presence_poll);
  const Duration since = now.time_since_epoch();
  reader.poll_at = TimePoint(((since / period) + 1) * period);
}

void Core::count_reader_event() {
  reader_events_ = reader_events_ >= kReaderEventsMax ? 1 : reader_events_ + 1;
}

std::uint32_t Core::effective_protocol(const Reader& reader) const {
  if (reader.card.protocol != wire::kProtocolUnset) return reader.card.protocol;
  // COMPAT: RAW belongs to the handles that asked for it; upstream stores it in the reader, where
  // it outlives them and breaks other clients' T=1. See CoreSharing.RawEndsWithItsHandle.
  const bool raw = std::any_of(reader.handles.begin(), reader.handles.end(), [this](auto id) {
    const Handle& handle = handles_.at(id);
    return handle.raw && handle.open;
  });
  return raw ? std::uint32_t{wire::kProtocolRaw} : std::uint32_t{wire::kProtocolUnset};
}

Core::Reader* Core::find_reader(ReaderId id) {
  if (!id) return nullptr;
  for (const auto& reader : slots_) {
    if (reader && reader->id == id) return reader.get();
  }
  return nullptr;
}

Core::Reader* Core::find_reader(std::string_view name) {
  for (const auto& reader : slots_) {
    if (reader && reader->spec.name == name) return reader.get();
  }
  return nullptr;
}

std::vector<std::string> Core::reader_names() const {
  std::vector<std::string> names;
  for (const auto& reader : slots_) {
    if (reader) names.push_back(reader->spec.name);
  }
  return names;
}

CardHandle Core::lock_owner(std::string_view reader_name) const {
  for (const auto& reader : slots_) {
    if (reader && reader->spec.name == reader_name) return reader->lock.owner();
  }
  return 0;
}

}  // namespace cardea::core
