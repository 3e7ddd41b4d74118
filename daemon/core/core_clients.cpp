// Core: connections and contexts.
#include <algorithm>

#include "base/assert.hpp"
#include "daemon/core/core.hpp"

namespace cardea::core {

Core::Core(Settings settings, std::function<std::uint32_t()> random)
    : settings_(settings), random_(std::move(random)), accounts_(settings.quotas) {}

void Core::remove_client(ConnId conn, bool answer_lost, TimePoint now, Effects& fx) {
  const auto it = clients_.find(conn);
  if (it == clients_.end()) return;
  Client& leaving = it->second;
  for (const auto& reader : slots_) {
    if (reader) reader->lock.forget(conn);
  }
  if (leaving.call && leaving.call->place == Call::Place::domain) {
    for (auto& [id, domain] : domains_) {
      std::erase_if(domain.queue, [conn](const Work& work) { return work.conn == conn; });
    }
  }
  if (leaving.call && leaving.call->place == Call::Place::decision) {
    fx.withdrawn.push_back(leaving.call->id);
  }
  std::erase(start_up_, conn);
  std::erase(waiting_, conn);
  contexts_.erase(leaving.context);
  if (answer_lost && leaving.just_granted != 0) {
    Reader* reader = find_reader(handles_.at(leaving.just_granted).reader);
    if (reader != nullptr) reader->lock.release_all(leaving.just_granted);
  }
  const std::vector<Released> released = take_handles(leaving, now, fx);
  clients_.erase(conn);
  serve_released(released, now, fx);
}

std::vector<Core::Released> Core::take_handles(Client& leaving, TimePoint now, Effects& fx) {
  const std::vector<CardHandle> handles = leaving.handles;
  std::vector<Released> released;
  for (const CardHandle id : handles) {
    const Handle& handle = handles_.at(id);
    Reader* reader = find_reader(handle.reader);
    const bool held = reader != nullptr && reader->lock.owner() == id;
    const bool clean_up =
        held && handle.open && handle.mark == Mark::none && !reader->lock.internal();
    if (clean_up) {
      // Nobody else may act on the card before it is reset.
      reader->lock.drop_owner();
      reader->lock.set_internal(true);
    }
    (void)take_handle(id, now, fx);
    if (reader != nullptr) released.push_back({reader, clean_up});
  }
  return released;
}

void Core::serve_released(const std::vector<Released>& released, TimePoint now, Effects& fx) {
  for (const auto& [reader, clean_up] : released) {
    if (clean_up) submit({Work::Kind::clean_up, reader->id}, reader->spec.domain, now, fx);
    serve_line(*reader, now, fx);
  }
}

void Core::remove_gone_holders(ConnId conn, Reader& reader, TimePoint now, Effects& fx) {
  if (!gone_) return;
  for (;;) {
    const auto other =
        std::find_if(reader.handles.begin(), reader.handles.end(),
                     [&](CardHandle handle) { return handles_.at(handle).conn != conn; });
    if (other == reader.handles.end()) return;
    const ConnId holder = handles_.at(*other).conn;
    const std::optional<Call>& call = client(holder).call;
    if (call && call->place == Call::Place::evaluating) return;  // further up the stack
    if (!gone_(holder)) return;
    remove_client(holder, /*answer_lost=*/false, now, fx);
  }
}

void Core::set_dialect(ConnId conn, const wire::Dialect& dialect) {
  client(conn).dialect = &dialect;
}

bool Core::is_busy(ConnId conn) const {
  const auto it = clients_.find(conn);
  return it != clients_.end() && it->second.call.has_value();
}

void Core::run(ConnId conn, const wire::Establish& message, TimePoint, Effects& fx) {
  Client& self = client(conn);
  if (message.scope > wire::kScopeMax) {
    return answer_rv(conn, message, ScardRv::invalid_value, fx);
  }
  if (!self.place.set(1)) {
    report_quota(conn, Resource::connections, fx);
    return answer_rv(conn, message, ScardRv::no_memory, fx);
  }
  self.turned_away = {};
  if (!self.admitted && wait_for_decision(conn, AccessKind::pcsc, {}, fx)) return;
  // COMPAT: a second ESTABLISH replaces the context and keeps the handles. See
  // CoreClients.ASecondEstablishReplacesTheContextAndKeepsTheHandles.
  contexts_.erase(self.context);
  do {
    self.context = fresh_number();
  } while (contexts_.contains(self.context));
  contexts_[self.context] = conn;
  self.admitted = true;
  wire::Establish reply = message;
  reply.context = self.context;
  reply.rv = to_wire(ScardRv::success);
  answer(conn, reply, fx);
}

void Core::release(ConnId conn, wire::Release message, TimePoint now, Effects& fx) {
  end_silence(conn, fx);
  Client& self = client(conn);
  if (self.context == 0) {
    message.rv = to_wire(ScardRv::invalid_handle);
  } else if (message.context != self.context) {
    message.rv = to_wire(ScardRv::invalid_value);
  } else {
    message.rv = to_wire(ScardRv::success);
    contexts_.erase(self.context);
    self.context = 0;
    self.wait = Wait::none;
    std::erase(waiting_, conn);
    serve_released(take_handles(self, now, fx), now, fx);
  }
  fx.replies.push_back(make_reply(conn, message));
}

void Core::cancel(ConnId conn, wire::Cancel message, TimePoint now, Effects& fx) {
  end_silence(conn, fx);
  const auto context = contexts_.find(static_cast<ContextHandle>(message.context));
  const ClientInfo& asking = client(conn).info;
  ScardRv rv = ScardRv::invalid_handle;
  if (context != contexts_.end()) {
    Client& target = client(context->second);
    // COMPAT: upstream lets anybody cancel any context; here only the same user or root. See
    // CoreClients.CancelIsForTheSameUserAndRoot.
    if (asking.uid == target.info.uid || asking.uid == 0) {
      rv = ScardRv::success;
      if (target.wait == Wait::live) {
        complete(context->second, target, ScardRv::cancelled, fx);
      } else if (target.wait == Wait::silent) {
        target.cancel_after_silence = true;
      } else if (target.dialect->states_precede_wait) {
        target.cancel_latched_until = now + settings_.cancel_latch;
      }
    }
  }
  message.rv = to_wire(rv);
  fx.replies.push_back(make_reply(conn, message));
}

Core::Client& Core::client(ConnId conn) {
  const auto it = clients_.find(conn);
  CARDEA_ASSERT(it != clients_.end());
  return it->second;
}

std::uint32_t Core::fresh_number() {
  for (;;) {
    const std::uint32_t number = random_() & 0x7FFFFFFF;
    if (number != 0 && !contexts_.contains(number) && !handles_.contains(number)) return number;
  }
}

Core::Counts Core::counts() const {
  Counts counts;
  counts.clients = clients_.size();
  counts.contexts = contexts_.size();
  counts.handles = handles_.size();
  counts.waiting = waiting_.size();
  for (const auto& reader : slots_) {
    if (!reader) continue;
    ++counts.readers;
    counts.queued += reader->lock.size();
  }
  for (const auto& [id, domain] : domains_) counts.queued += domain.queue.size();
  return counts;
}

void Core::check_invariants() const {
  for (const auto& reader : slots_) {
    if (!reader) continue;
    std::size_t exclusive = 0;
    for (const CardHandle id : reader->handles) {
      const Handle& handle = handles_.at(id);
      CARDEA_ASSERT(handle.reader == reader->id);
      CARDEA_ASSERT(clients_.contains(handle.conn));
      if (handle.mode == wire::ShareMode::exclusive) ++exclusive;
    }
    CARDEA_ASSERT(exclusive == 0 || reader->handles.size() == 1);
    CARDEA_ASSERT(!reader->lock.is_stalled());
    CARDEA_ASSERT(!reader->lock.internal() || domains_.at(reader->spec.domain).busy);
    const CardHandle owner = reader->lock.owner();
    if (owner != 0) {
      CARDEA_ASSERT(handles_.contains(owner) && handles_.at(owner).reader == reader->id);
      CARDEA_ASSERT(reader->lock.depth() > 0);
    }
  }
  for (const auto& [id, handle] : handles_) {
    const Client& holder = clients_.at(handle.conn);
    CARDEA_ASSERT(std::count(holder.handles.begin(), holder.handles.end(), id) == 1);
  }
  for (const auto& [id, domain] : domains_) CARDEA_ASSERT(domain.busy || domain.queue.empty());
  for (const ConnId conn : waiting_) CARDEA_ASSERT(clients_.at(conn).wait != Wait::none);
  for (const auto& [conn, holder] : clients_) {
    if (holder.call) check_call(conn, *holder.call);
  }
  check_accounts();
}

void Core::check_call(ConnId conn, const Call& call) const {
  const auto holds_reader = [&call](const auto& reader) {
    return reader != nullptr && reader->id == call.reader;
  };
  const auto found = std::find_if(slots_.begin(), slots_.end(), holds_reader);
  CARDEA_ASSERT(call.place != Call::Place::evaluating);  // then it would be in nobody's hands
  switch (call.place) {
    case Call::Place::evaluating:
    case Call::Place::decision:
      break;
    case Call::Place::start_up:
      CARDEA_ASSERT(std::count(start_up_.begin(), start_up_.end(), conn) == 1);
      break;
    case Call::Place::line:
      CARDEA_ASSERT(found != slots_.end() && (*found)->lock.has_waiting(conn));
      break;
    case Call::Place::domain:
    case Call::Place::running:
      CARDEA_ASSERT(found != slots_.end() && domains_.at((*found)->spec.domain).busy);
      break;
  }
}

}  // namespace cardea::core
