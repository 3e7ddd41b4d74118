// Core: the life of a request that may have to wait: for the lock of its reader (the line), for
// the driver (the domain), for readers that are just starting, or for somebody's word.
#include <algorithm>

#include "base/assert.hpp"
#include "daemon/core/core.hpp"

namespace cardea::core {

template <typename M>
void Core::start_call(ConnId conn, const M& message, std::span<const std::byte> payload,
                      TimePoint now, Effects& fx) {
  end_silence(conn, fx);
  Client& self = client(conn);
  CARDEA_ASSERT(!self.call);
  self.just_granted = 0;
  Call& call = self.call.emplace(CallId{++last_id_}, message);
  call.payload.assign(payload.begin(), payload.end());
  constexpr bool kGivesBack = std::is_same_v<M, wire::End> || std::is_same_v<M, wire::Disconnect>;
  if (!charge_call(conn, kGivesBack, fx)) return;
  evaluate(conn, now, fx);
}

void Core::establish(ConnId conn, const wire::Establish& message, TimePoint now, Effects& fx) {
  start_call(conn, message, {}, now, fx);
}
void Core::connect(ConnId conn, wire::Connect message, TimePoint now, Effects& fx) {
  message.reader[wire::kReaderNameBytes - 1] = '\0';  // the answer repeats the name so
  start_call(conn, message, {}, now, fx);
}
void Core::reconnect(ConnId conn, const wire::Reconnect& message, TimePoint now, Effects& fx) {
  start_call(conn, message, {}, now, fx);
}
void Core::disconnect(ConnId conn, const wire::Disconnect& message, TimePoint now, Effects& fx) {
  start_call(conn, message, {}, now, fx);
}
void Core::begin(ConnId conn, const wire::Begin& message, TimePoint now, Effects& fx) {
  start_call(conn, message, {}, now, fx);
}
void Core::end(ConnId conn, const wire::End& message, TimePoint now, Effects& fx) {
  start_call(conn, message, {}, now, fx);
}
void Core::status(ConnId conn, const wire::Status& message, TimePoint now, Effects& fx) {
  start_call(conn, message, {}, now, fx);
}
void Core::transmit(ConnId conn, const wire::Transmit& message, std::span<const std::byte> payload,
                    TimePoint now, Effects& fx) {
  start_call(conn, message, payload, now, fx);
}
void Core::control(ConnId conn, const wire::Control& message, std::span<const std::byte> payload,
                   TimePoint now, Effects& fx) {
  start_call(conn, message, payload, now, fx);
}
void Core::get_attribute(ConnId conn, const wire::Attribute& message, TimePoint now, Effects& fx) {
  start_call(conn, GetAttribute{message}, {}, now, fx);
}
void Core::set_attribute(ConnId conn, const wire::Attribute& message, TimePoint now, Effects& fx) {
  start_call(conn, SetAttribute{message}, {}, now, fx);
}

void Core::evaluate(ConnId conn, TimePoint now, Effects& fx) {
  Call& call = *client(conn).call;
  call.place = Call::Place::evaluating;
  // A copy: answering destroys the call while its message is still being read.
  const Message message = call.message;
  std::visit([&](const auto& request) { run(conn, request, now, fx); }, message);
}

Core::Handle* Core::find_handle(ConnId conn, std::int32_t card, Effects& fx) {
  const auto it = handles_.find(static_cast<CardHandle>(card));
  if (card > 0 && it != handles_.end() && it->second.conn == conn && it->second.open) {
    return &it->second;
  }
  // COMPAT: upstream lets the client wait for 2 s before it disconnects it; we do it at once. See
  // CoreClients.AForeignHandleDisconnectsTheClientAtOnce.
  client(conn).call.reset();
  fx.drops.push_back({conn, "used a card handle that is not its own"});
  return nullptr;
}

ScardRv Core::mark_rv(Mark mark) {
  switch (mark) {
    case Mark::none:
      return ScardRv::success;
    case Mark::reset:
      return ScardRv::reset_card;
    case Mark::removed:
      return ScardRv::removed_card;
  }
  return ScardRv::internal_error;
}

void Core::answer_call(ConnId conn, ScardRv rv, Effects& fx) {
  const Message message = client(conn).call->message;
  std::visit(
      [&](auto request) {
        if constexpr (!std::is_same_v<decltype(request), StateFetch>) {
          set_result(request, rv);
          answer(conn, request, fx);
        }
      },
      message);
}

bool Core::is_own_lock(ConnId conn, const Reader& reader) const {
  const CardHandle owner = reader.lock.owner();
  return owner != 0 && handles_.at(owner).conn == conn;
}

bool Core::is_own_process_lock(ConnId conn, const Reader& reader) const {
  const CardHandle owner = reader.lock.owner();
  if (owner == 0) return false;
  if (is_own_lock(conn, reader)) return true;
  // The kernel shows clients of foreign pid namespaces with pid 0: those are not one process.
  const std::int64_t pid = clients_.at(conn).info.pid;
  return pid != 0 && pid == clients_.at(handles_.at(owner).conn).info.pid;
}

bool Core::wait_in_line(ConnId conn, Reader& reader, CardHandle card, LineWait wait,
                        TimePoint now) {
  Call& call = *client(conn).call;
  if (call.waited) return false;
  Ticket ticket{conn, card, wait.wants_lock, false, {}, {}, false, now};
  if (wait.limit) ticket.until = now + *wait.limit;
  reader.lock.enqueue(ticket);
  if (wait.limit && wait.limit->count() == 0) {
    // Nobody can free the lock while this connection waits: only the place is kept.
    reader.lock.set_away(conn, now);
    return false;
  }
  call.place = Call::Place::line;
  call.reader = reader.id;
  return true;
}

void Core::serve_line(Reader& reader, TimePoint now, Effects& fx) {
  if (reader.serving) return;  // the loop further up goes on
  reader.serving = true;
  while (const auto ticket = reader.lock.next(now)) {
    evaluate(ticket->conn, now, fx);
    const Client& served = client(ticket->conn);
    if (served.call && served.call->place == Call::Place::line) break;
    reader.lock.leave(*ticket);
  }
  reader.serving = false;
}

void Core::answer_late(ConnId conn, Reader& reader, TimePoint now, Effects& fx) {
  client(conn).call->waited = true;
  reader.lock.set_away(conn, now);
  evaluate(conn, now, fx);
}

void Core::answer_overdue(Reader& reader, TimePoint now, Effects& fx) {
  while (const auto ticket = reader.lock.overdue(now)) answer_late(ticket->conn, reader, now, fx);
}

bool Core::acquire_driver(ConnId conn, Reader& reader) {
  Domain& domain = domains_.at(reader.spec.domain);
  if (!domain.busy) return true;
  Call& call = *client(conn).call;
  call.place = Call::Place::domain;
  call.reader = reader.id;
  domain.queue.push_back({Work::Kind::call, reader.id, conn, call.id});
  return false;
}

void Core::launch(ConnId conn, Reader& reader, Job job, Effects& fx) {
  Domain& domain = domains_.at(reader.spec.domain);
  CARDEA_ASSERT(!domain.busy);
  domain.busy = true;
  job.domain = reader.spec.domain;
  job.reader = reader.id;
  job.card = reader.card;
  if (conn) {
    Call& call = *client(conn).call;
    call.place = Call::Place::running;
    call.reader = reader.id;
    job.conn = conn;
    job.call = call.id;
  }
  fx.jobs.push_back(std::move(job));
}

void Core::submit(const Work& work, DomainId domain_id, TimePoint now, Effects& fx) {
  Domain& domain = domains_.at(domain_id);
  if (domain.busy) {
    domain.queue.push_back(work);
  } else {
    start_work(work, domain_id, now, fx);
  }
}

void Core::domain_done(DomainId id, TimePoint now, Effects& fx) {
  Domain& domain = domains_.at(id);
  domain.busy = false;
  while (!domain.busy && !domain.queue.empty()) {
    const Work work = domain.queue.front();
    domain.queue.pop_front();
    start_work(work, id, now, fx);
  }
}

void Core::start_guest(const Work& work, DomainId domain, Effects& fx) {
  domains_.at(domain).busy = true;
  Job job;
  job.kind = JobKind::guest;
  job.domain = domain;
  job.guest = work.guest;
  fx.jobs.push_back(std::move(job));
}

void Core::forget_unused(DomainId domain) {
  if (domains_.at(domain).busy) return;
  const auto uses = [domain](const auto& reader) {
    return reader != nullptr && reader->spec.domain == domain;
  };
  if (std::none_of(slots_.begin(), slots_.end(), uses) &&
      std::none_of(leaving_.begin(), leaving_.end(), uses)) {
    domains_.erase(domain);
  }
}

void Core::start_own_job(JobKind kind, Reader& reader, Effects& fx) {
  Job job;
  job.kind = kind;
  launch({}, reader, std::move(job), fx);
}

void Core::start_work(const Work& work, DomainId domain, TimePoint now, Effects& fx) {
  if (work.kind == Work::Kind::guest) return start_guest(work, domain, fx);
  if (work.kind == Work::Kind::call) {
    const auto it = clients_.find(work.conn);
    if (it != clients_.end() && it->second.call && it->second.call->id == work.call) {
      evaluate(work.conn, now, fx);
    }
    return;
  }
  if (work.kind == Work::Kind::close) {
    for (const auto& reader : leaving_) {
      if (reader->id == work.reader) start_own_job(JobKind::close, *reader, fx);
    }
    return;
  }
  Reader* reader = find_reader(work.reader);
  if (reader == nullptr) return;
  switch (work.kind) {
    case Work::Kind::check_presence:
      reader->hinted = false;
      start_own_job(JobKind::check_presence, *reader, fx);
      break;
    case Work::Kind::power_off:
      reader->off_pending = false;
      if (reader->card.phase == CardPhase::powered && reader->handles.empty()) {
        start_own_job(JobKind::power_off, *reader, fx);
        // From here on a CONNECT needs the driver: the card is about to lose power and protocol.
        reader->card.phase = CardPhase::auto_off;
        reader->card.protocol = wire::kProtocolUnset;
      }
      break;
    case Work::Kind::clean_up:
      if (is_present(reader->card.phase)) {
        Job job;
        job.kind = JobKind::clean_up;
        job.action = wire::Disposition::reset;
        launch({}, *reader, std::move(job), fx);
      } else {
        reader->lock.set_internal(false);
        serve_line(*reader, now, fx);
      }
      break;
    case Work::Kind::call:
    case Work::Kind::close:
    case Work::Kind::guest:
      break;  // handled above
  }
}

bool Core::wait_for_start_up(ConnId conn, TimePoint now) {
  if (!is_starting(now)) return false;
  client(conn).call->place = Call::Place::start_up;
  start_up_.push_back(conn);
  return true;
}

void Core::release_start_up(TimePoint now, Effects& fx) {
  // One by one: a call that goes on may remove a dead client that waits here as well.
  while (!start_up_.empty() && !is_starting(now)) {
    const ConnId conn = start_up_.front();
    start_up_.pop_front();
    evaluate(conn, now, fx);
  }
}

std::optional<TimePoint> Core::next_deadline() const {
  std::optional<TimePoint> first;
  const auto consider = [&first](const std::optional<TimePoint>& time) {
    if (time && (!first || *time < *first)) first = time;
  };
  for (const auto& reader : slots_) {
    if (!reader) continue;
    consider(reader->lock.deadline());
    consider(idle_due(*reader));
    if (!reader->check_pending) consider(reader->poll_at);
    if (!reader->off_pending) consider(reader->off_at);
    consider(reader->fault_due);
  }
  if (!start_up_.empty()) consider(start_up_until_);
  return first;
}

void Core::expire(TimePoint now, Effects& fx) {
  for (const auto& reader : slots_) {
    if (!reader) continue;
    reader->lock.expire(now);
    answer_overdue(*reader, now, fx);
    serve_line(*reader, now, fx);
    check_idle_holder(*reader, now, fx);
    if (reader->poll_at && *reader->poll_at <= now) presence_hint(reader->id, now, fx);
    if (reader->off_at && *reader->off_at <= now && !reader->off_pending) {
      reader->off_pending = true;
      reader->off_at.reset();
      submit({Work::Kind::power_off, reader->id}, reader->spec.domain, now, fx);
    }
    if (reader->fault_due && *reader->fault_due <= now) {
      reader->fault_due.reset();
      fx.faulty.push_back(reader->id);
    }
  }
  release_start_up(now, fx);
}

}  // namespace cardea::core
