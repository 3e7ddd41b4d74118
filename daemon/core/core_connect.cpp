// Core: CONNECT, RECONNECT, DISCONNECT: how handles come, change and go.
#include <algorithm>

#include "base/assert.hpp"
#include "daemon/core/core.hpp"
#include "protocol/codec.hpp"

namespace cardea::core {
namespace {

constexpr std::uint32_t kRequestable =
    wire::kProtocolT0 | wire::kProtocolT1 | wire::kProtocolRaw | wire::kProtocolAnyOld;

bool is_share_mode(std::uint32_t mode) { return mode >= 1 && mode <= 3; }

bool is_direct(std::uint32_t mode) {
  return mode == static_cast<std::uint32_t>(wire::ShareMode::direct);
}

bool is_exclusive_mode(std::uint32_t mode) {
  return mode == static_cast<std::uint32_t>(wire::ShareMode::exclusive);
}

/// The mask with the old "any" value spelled out.
// COMPAT: for upstream it is none of the protocols once somebody has chosen one, so that a second
// client that takes any is refused. See CoreSharing.AnyOldProtocolFitsTheChosenOne.
std::uint32_t asked_protocols(std::uint32_t mask) {
  return (mask & wire::kProtocolAnyOld) != 0 ? mask | wire::kProtocolT0 | wire::kProtocolT1 : mask;
}

/// Share mode and protocol mask as CONNECT and RECONNECT check them. The protocols come first.
ScardRv check_parameters(std::uint32_t share_mode, std::uint32_t protocols) {
  if (!is_direct(share_mode) && (protocols & kRequestable) == 0) return ScardRv::proto_mismatch;
  if (!is_share_mode(share_mode)) return ScardRv::invalid_value;
  return ScardRv::success;
}

}  // namespace

ScardRv Core::check_context(ConnId conn, ContextHandle context) {
  const Client& self = client(conn);
  if (self.context == 0) return ScardRv::invalid_handle;
  return context == self.context ? ScardRv::success : ScardRv::invalid_value;
}

ScardRv Core::admit_connect(ConnId conn, const wire::Connect& message, Reader*& reader,
                            TimePoint now, Effects& fx) {
  const ScardRv parameters = check_parameters(message.share_mode, message.preferred_protocols);
  if (parameters != ScardRv::success) return parameters;
  reader = find_reader(wire::name_text(message.reader));
  if (reader == nullptr) return ScardRv::unknown_reader;
  if (reader->card.phase == CardPhase::unknown) return ScardRv::reader_unavailable;
  if (is_exclusive_mode(message.share_mode) || is_exclusive(*reader)) {
    remove_gone_holders(conn, *reader, now, fx);
  }
  if (is_exclusive(*reader)) return ScardRv::sharing_violation;
  if (client(conn).handles.size() >= settings_.handles_per_context_max) return ScardRv::no_memory;
  if (!may_have_handle(conn, *reader, fx)) return ScardRv::no_memory;
  if (reader->handles.size() >= settings_.handles_per_reader_max) return ScardRv::internal_error;
  return ScardRv::success;
}

void Core::run(ConnId conn, const wire::Connect& message, TimePoint now, Effects& fx) {
  const ScardRv known = check_context(conn, message.context);
  if (known != ScardRv::success) return answer_rv(conn, message, known, fx);
  // Before the name is looked up: who is refused does not learn what readers there are.
  if (wait_for_decision(conn, AccessKind::card, wire::name_text(message.reader), fx)) return;
  Reader* reader = nullptr;
  const ScardRv admitted = admit_connect(conn, message, reader, now, fx);
  const bool may_come =
      admitted == ScardRv::unknown_reader || (reader != nullptr && reader->starting);
  if (may_come && wait_for_start_up(conn, now)) return;
  if (admitted != ScardRv::success) return answer_rv(conn, message, admitted, fx);
  if (reader->lock.blocks(0)) {
    LineWait wait;
    if (is_own_process_lock(conn, *reader)) wait.limit = settings_.own_process_hold;
    if (!is_own_lock(conn, *reader) && wait_in_line(conn, *reader, 0, wait, now)) return;
    return connect_beside_own_lock(conn, *reader, message, now, fx);
  }
  const bool direct = is_direct(message.share_mode);
  const bool raw = (message.preferred_protocols & wire::kProtocolRaw) != 0;
  const std::uint32_t asked = asked_protocols(message.preferred_protocols);
  const std::uint32_t current = effective_protocol(*reader);
  const bool powered = reader->card.phase == CardPhase::powered;
  bool driver = false;
  if (!direct) {
    if (reader->card.phase == CardPhase::absent) {
      return answer_rv(conn, message, ScardRv::no_smartcard, fx);
    }
    if (powered && !raw && current != 0 && (current & asked) == 0) {
      return answer_rv(conn, message, ScardRv::proto_mismatch, fx);
    }
    driver = !powered || (!raw && current == 0);
  }
  const auto mode = static_cast<wire::ShareMode>(message.share_mode);
  if (mode == wire::ShareMode::exclusive && !reader->handles.empty()) {
    return answer_rv(conn, message, ScardRv::sharing_violation, fx);
  }
  if (driver && !acquire_driver(conn, *reader)) return;
  Handle& handle = reserve_handle(conn, *reader, mode, now);
  handle.raw = raw && !direct;
  if (!driver) {
    return open_handle(conn, *reader, handle, message, raw ? wire::kProtocolRaw : current, now, fx);
  }
  client(conn).call->handle = handle.id;
  Job job;
  job.kind = JobKind::connect;
  job.protocols = asked;
  launch(conn, *reader, std::move(job), fx);
}

// COMPAT: upstream lets a client that holds the lock wait for itself for ever. A shared handle
// does not disturb the transaction, so it is given, but without touching the card. See
// CoreSharing.AConnectBesideOnesOwnTransactionDoesNotWait.
void Core::connect_beside_own_lock(ConnId conn, Reader& reader, const wire::Connect& message,
                                   TimePoint now, Effects& fx) {
  const bool direct = is_direct(message.share_mode);
  const bool raw = (message.preferred_protocols & wire::kProtocolRaw) != 0;
  const std::uint32_t current = effective_protocol(reader);
  const bool exclusive = is_exclusive_mode(message.share_mode);
  const bool fits = raw || (current & asked_protocols(message.preferred_protocols)) != 0;
  if (exclusive || (!direct && (reader.card.phase != CardPhase::powered || !fits))) {
    return answer_rv(conn, message, ScardRv::sharing_violation, fx);
  }
  Handle& handle =
      reserve_handle(conn, reader, static_cast<wire::ShareMode>(message.share_mode), now);
  handle.raw = raw && !direct;
  open_handle(conn, reader, handle, message, raw ? wire::kProtocolRaw : current, now, fx);
}

bool Core::is_exclusive(const Reader& reader) const {
  return std::any_of(reader.handles.begin(), reader.handles.end(), [this](CardHandle handle) {
    return handles_.at(handle).mode == wire::ShareMode::exclusive;
  });
}

Core::Handle& Core::reserve_handle(ConnId conn, Reader& reader, wire::ShareMode mode,
                                   TimePoint now) {
  const CardHandle id = fresh_number();
  Handle& handle = handles_[id];
  handle.id = id;
  handle.conn = conn;
  handle.reader = reader.id;
  handle.mode = mode;
  handle.charge = Charge(*client(conn).account, Resource::handles);
  handle.charge.set_anyway(1);  // may_have_handle() has been asked
  reader.handles.push_back(id);
  reader.off_at.reset();
  client(conn).handles.push_back(id);
  if (mode == wire::ShareMode::exclusive) reader.lock.take(id, now);
  return handle;
}

void Core::open_handle(ConnId conn, Reader& reader, Handle& handle, wire::Connect message,
                       std::uint32_t active, TimePoint now, Effects& fx) {
  handle.open = true;
  message.card = static_cast<std::int32_t>(handle.id);
  message.active_protocol = active;
  message.rv = to_wire(ScardRv::success);
  answer(conn, message, fx);
  note_use(reader, now, fx);
}

void Core::drop_handle(CardHandle id, TimePoint now, Effects& fx) {
  if (Reader* reader = take_handle(id, now, fx)) serve_line(*reader, now, fx);
}

Core::Reader* Core::take_handle(CardHandle id, TimePoint now, Effects& fx) {
  const auto it = handles_.find(id);
  if (it == handles_.end()) return nullptr;
  Client& holder = client(it->second.conn);
  std::erase(holder.handles, id);
  if (holder.just_granted == id) holder.just_granted = 0;
  Reader* reader = find_reader(it->second.reader);
  handles_.erase(it);
  if (reader == nullptr) return nullptr;
  std::erase(reader->handles, id);
  reader->lock.release_all(id);
  reader->lock.forget_card(id);
  plan_power_off(*reader, now);
  note_use(*reader, now, fx);
  return reader;
}

void Core::set_mode(Handle& handle, Reader& reader, wire::ShareMode mode, TimePoint now) {
  const bool was = handle.mode == wire::ShareMode::exclusive;
  const bool will = mode == wire::ShareMode::exclusive;
  handle.mode = mode;
  // COMPAT: upstream keeps the lock of exclusive mode after a change to shared; see
  // CoreSharing.ReconnectToSharedReleasesTheLockOfExclusiveMode.
  if (was && !will) reader.lock.release(handle.id, 1);
  if (will && (!was || reader.lock.owner() != handle.id)) reader.lock.take(handle.id, now);
}

void Core::finish_connect(Job& job, const JobResult& result, TimePoint now, Effects& fx) {
  Call* call = find_call(job);
  if (call == nullptr) return;  // the client or the reader is gone and with it the handle
  const auto message = std::get<wire::Connect>(call->message);
  const CardHandle id = call->handle;
  if (result.rv != ScardRv::success) {
    answer_rv(job.conn, message, result.rv, fx);
    drop_handle(id, now, fx);
    return;
  }
  Handle& handle = handles_.at(id);
  open_handle(job.conn, *find_reader(job.reader), handle, message, result.active_protocol, now, fx);
}

void Core::run(ConnId conn, const wire::Reconnect& message, TimePoint now, Effects& fx) {
  Handle* handle = find_handle(conn, message.card, fx);
  if (handle == nullptr) return;
  const auto init = static_cast<wire::Disposition>(message.initialization);
  if (message.initialization > static_cast<std::uint32_t>(wire::Disposition::unpower) ||
      !is_share_mode(message.share_mode)) {
    return answer_rv(conn, message, ScardRv::invalid_value, fx);
  }
  const ScardRv parameters = check_parameters(message.share_mode, message.preferred_protocols);
  if (parameters != ScardRv::success) return answer_rv(conn, message, parameters, fx);
  Reader* reader = find_reader(handle->reader);
  if (reader == nullptr) return answer_rv(conn, message, ScardRv::reader_unavailable, fx);
  if (reader->card.phase == CardPhase::unknown) {
    return answer_rv(conn, message, ScardRv::reader_unavailable, fx);
  }
  if (reader->lock.blocks(handle->id)) {
    LineWait wait{settings_.brief_hold};
    if (is_own_lock(conn, *reader)) wait.limit = milliseconds{0};
    if (wait_in_line(conn, *reader, handle->id, wait, now)) return;
    return answer_rv(conn, message, ScardRv::sharing_violation, fx);
  }
  // COMPAT: upstream resets the card first and refuses afterwards; the library asks again and
  // again, and each time the card would be reset for everybody. See
  // CoreSharing.ReconnectToExclusiveAsksBeforeItResets.
  if (is_exclusive_mode(message.share_mode)) {
    remove_gone_holders(conn, *reader, now, fx);
    if (reader->handles.size() > 1) {
      return answer_rv(conn, message, ScardRv::sharing_violation, fx);
    }
  }
  if (reader->card.phase == CardPhase::absent) {
    return answer_rv(conn, message, ScardRv::no_smartcard, fx);
  }
  const bool leave = init == wire::Disposition::leave;
  if (leave && reader->card.phase == CardPhase::mute) {
    return answer_rv(conn, message, ScardRv::unresponsive_card, fx);
  }
  if (!acquire_driver(conn, *reader)) return;
  Job job;
  job.kind = JobKind::reconnect;
  job.reset = init == wire::Disposition::reset;
  job.power_cycle = init == wire::Disposition::unpower;
  job.protocols = is_direct(message.share_mode) ? 0 : asked_protocols(message.preferred_protocols);
  // The place is taken before the driver works, as by CONNECT: who comes meanwhile must see it.
  client(conn).call->mode_before = handle->mode;
  if (is_exclusive_mode(message.share_mode)) {
    set_mode(*handle, *reader, wire::ShareMode::exclusive, now);
  }
  if (!leave) reader->lock.set_internal(true);
  launch(conn, *reader, std::move(job), fx);
}

void Core::finish_reconnect(Job& job, const JobResult& result, TimePoint now, Effects& fx) {
  Reader* reader = find_reader(job.reader);
  if (reader == nullptr) return;
  const bool acted = job.reset || job.power_cycle;
  Call* call = find_call(job);
  const CardHandle caller =
      call == nullptr ? 0 : static_cast<CardHandle>(std::get<wire::Reconnect>(call->message).card);
  if (acted) {
    reader->lock.set_internal(false);
    // COMPAT: a card that turns out to be gone keeps the mark "removed"; upstream makes it
    // "reset". See CoreSharing.AFailedResetOfAMissingCardKeepsTheMarkRemoved.
    if (is_present(reader->card.phase)) mark_handles(*reader, Mark::reset, 0);
  }
  if (call == nullptr) return;
  auto message = std::get<wire::Reconnect>(call->message);
  Handle& handle = handles_.at(caller);
  if (result.rv != ScardRv::success) {
    set_mode(handle, *reader, call->mode_before, now);
    return answer_rv(job.conn, message, result.rv, fx);
  }
  handle.mark = Mark::none;
  handle.raw = job.protocols != 0 && (message.preferred_protocols & wire::kProtocolRaw) != 0;
  set_mode(handle, *reader, static_cast<wire::ShareMode>(message.share_mode), now);
  message.active_protocol =
      job.protocols == 0 ? effective_protocol(*reader) : result.active_protocol;
  message.rv = to_wire(ScardRv::success);
  answer(job.conn, message, fx);
  note_use(*reader, now, fx);
}

void Core::run(ConnId conn, const wire::Disconnect& message, TimePoint now, Effects& fx) {
  Handle* handle = find_handle(conn, message.card, fx);
  if (handle == nullptr) return;
  if (message.disposition > static_cast<std::uint32_t>(wire::Disposition::eject)) {
    return answer_rv(conn, message, ScardRv::invalid_value, fx);
  }
  const CardHandle id = handle->id;
  const auto action = static_cast<wire::Disposition>(message.disposition);
  Reader* reader = find_reader(handle->reader);
  const bool eject_is_nothing =
      action == wire::Disposition::eject && reader != nullptr && !reader->spec.version_2;
  if (reader == nullptr || action == wire::Disposition::leave || eject_is_nothing) {
    answer_rv(conn, message, ScardRv::success, fx);
    return drop_handle(id, now, fx);
  }
  if (reader->lock.blocks(id)) {
    LineWait wait;
    if (is_own_process_lock(conn, *reader)) wait.limit = settings_.own_process_hold;
    if (!is_own_lock(conn, *reader) && wait_in_line(conn, *reader, id, wait, now)) return;
    // COMPAT: upstream waits for itself for ever; the handle stays open. See
    // CoreSharing.DisconnectWithActionBesideOnesOwnTransactionIsRefused.
    return answer_rv(conn, message, ScardRv::sharing_violation, fx);
  }
  if (!is_present(reader->card.phase)) {
    answer_rv(conn, message, ScardRv::success, fx);
    return drop_handle(id, now, fx);
  }
  if (!acquire_driver(conn, *reader)) return;
  reader->lock.set_internal(true);
  Job job;
  job.kind = JobKind::card_action;
  job.action = action;
  launch(conn, *reader, std::move(job), fx);
}

}  // namespace cardea::core
