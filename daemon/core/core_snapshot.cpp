// Core: what is there, for those who show it, and transactions that are held without being used.
#include <algorithm>

#include "daemon/core/core.hpp"

namespace cardea::core {

std::vector<ReaderSnapshot> Core::reader_snapshots() const {
  std::vector<ReaderSnapshot> readers;
  for (const auto& reader : slots_) {
    if (reader) readers.push_back(snapshot_of(*reader));
  }
  return readers;
}

std::string Core::reader_name(ReaderId id) {
  const Reader* reader = find_reader(id);
  return reader == nullptr ? std::string() : reader->spec.name;
}

Snapshot Core::snapshot() const {
  Snapshot snapshot;
  snapshot.readers = reader_snapshots();
  for (const auto& [conn, client] : clients_) {
    snapshot.clients.push_back({conn, client.dialect->minor, client.context != 0,
                                client.wait != Wait::none, client.handles.size()});
  }
  std::sort(snapshot.clients.begin(), snapshot.clients.end(),
            [](const ClientSnapshot& a, const ClientSnapshot& b) { return a.conn < b.conn; });
  for (const auto& account : accounts_.all()) {
    UserSnapshot& user = snapshot.users.emplace_back();
    user.uid = account->uid;
    for (const Resource resource :
         {Resource::connections, Resource::handles, Resource::calls, Resource::bytes}) {
      UserSnapshot::Share share{resource, account->used(resource), {}};
      if (!settings_.quotas.is_exempt(user.uid)) share.limit = account->limit(resource);
      user.shares.push_back(share);
    }
  }
  return snapshot;
}

ReaderSnapshot Core::snapshot_of(const Reader& reader) const {
  ReaderSnapshot shown;
  shown.id = reader.id;
  shown.name = reader.spec.name;
  shown.alias = reader.spec.alias;
  shown.driver = reader.spec.driver;
  shown.driver_pid = reader.spec.driver_pid;
  shown.card = reader.card;
  shown.protocol = effective_protocol(reader);
  shown.events = reader.event_counter;
  shown.starting = reader.starting;
  shown.resetting = reader.lock.internal();
  for (const CardHandle id : reader.handles) {
    const Handle& handle = handles_.at(id);
    if (handle.open) shown.handles.push_back({id, handle.conn, handle.mode});
  }
  if (const CardHandle owner = reader.lock.owner(); owner != 0) {
    const Handle& handle = handles_.at(owner);
    HolderSnapshot holder{
        owner, handle.conn, has_transaction(reader), reader.lock.held_since(), {}};
    if (!is_at_driver(handle.conn)) holder.idle_since = reader.lock.used_at();
    shown.holder = holder;
  }
  for (const Ticket& ticket : reader.lock.line()) {
    shown.waiters.push_back({ticket.conn, ticket.wants_lock, ticket.since});
  }
  return shown;
}

bool Core::has_transaction(const Reader& reader) const {
  const CardHandle owner = reader.lock.owner();
  if (owner == 0) return false;
  const bool exclusive = handles_.at(owner).mode == wire::ShareMode::exclusive;
  return reader.lock.depth() > (exclusive ? 1U : 0U);
}

bool Core::is_at_driver(ConnId conn) const {
  const auto& call = clients_.at(conn).call;
  return call && (call->place == Call::Place::running || call->place == Call::Place::domain);
}

bool Core::idle_action_pending(const Reader& reader) const {
  const bool waited_for = reader.lock.size() > 0;
  if (waited_for && settings_.idle_holder_policy == IdlePolicy::reset) return true;
  if (reader.idle_reported_hold != reader.lock.hold_number()) return true;
  return waited_for && !reader.idle_reported_waiters;
}

std::optional<TimePoint> Core::idle_due(const Reader& reader) const {
  if (settings_.idle_holder.count() == 0 || reader.lock.internal()) return std::nullopt;
  if (!has_transaction(reader) || is_at_driver(handles_.at(reader.lock.owner()).conn)) {
    return std::nullopt;
  }
  if (!idle_action_pending(reader)) return std::nullopt;
  const TimePoint idle_at = reader.lock.used_at() + settings_.idle_holder;
  // What was left undone because nobody waited is due when somebody does.
  const auto& line = reader.lock.line();
  const bool reported = reader.idle_reported_hold == reader.lock.hold_number();
  return reported && !line.empty() ? std::max(idle_at, line.front().since) : idle_at;
}

void Core::check_idle_holder(Reader& reader, TimePoint now, Effects& fx) {
  const auto due = idle_due(reader);
  if (!due || *due > now) return;
  const Handle& holder = handles_.at(reader.lock.owner());
  IdleHold hold;
  hold.reader = reader.spec.name;
  hold.holder = holder.conn;
  hold.held = now - reader.lock.held_since();
  hold.idle = now - reader.lock.used_at();
  for (const Ticket& ticket : reader.lock.line()) hold.waiters.push_back(ticket.conn);
  hold.reset = settings_.idle_holder_policy == IdlePolicy::reset && !hold.waiters.empty();
  reader.idle_reported_hold = reader.lock.hold_number();
  reader.idle_reported_waiters = !hold.waiters.empty();
  const bool reset = hold.reset;
  fx.idle_holds.push_back(std::move(hold));
  if (!reset) return;
  // As if its program had died: nobody acts on the card before it is reset, and then the line is
  // served. The holder learns of it by RESET_CARD from whatever it does next.
  const std::uint32_t implicit = holder.mode == wire::ShareMode::exclusive ? 1 : 0;
  reader.lock.release(holder.id, reader.lock.depth() - implicit);
  reader.lock.set_internal(true);
  submit({Work::Kind::clean_up, reader.id}, reader.spec.domain, now, fx);
}

}  // namespace cardea::core
