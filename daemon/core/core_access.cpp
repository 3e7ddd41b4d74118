// Core: permission. Whether a client is served is decided outside; here a request waits for that
// word, and nobody else waits with it.
#include "daemon/core/core.hpp"

namespace cardea::core {

bool Core::wait_for_decision(ConnId conn, AccessKind kind, std::string_view reader, Effects& fx) {
  Client& self = client(conn);
  Call& call = *self.call;
  if (call.allowed || !asks_ || !asks_(self.info)) return false;
  call.place = Call::Place::decision;
  fx.questions.push_back({conn, call.id, kind, std::string(reader)});
  return true;
}

void Core::decide(ConnId conn, CallId id, bool allowed, TimePoint now, Effects& fx) {
  const auto it = clients_.find(conn);
  if (it == clients_.end() || !it->second.call) return;
  Call& call = *it->second.call;
  if (call.id != id || call.place != Call::Place::decision) return;
  // COMPAT: pcsc-lite cuts the connection of whom it refuses, which the program sees as one of
  // three errors; here it is the answer. See CoreAccess.ARefusalIsAnAnswer.
  if (!allowed) return answer_call(conn, ScardRv::security_violation, fx);
  call.allowed = true;
  evaluate(conn, now, fx);
}

bool Core::shut_out(ConnId conn, Effects& fx) {
  const Client& self = client(conn);
  const bool turned_away = self.place.amount() == 0;
  if (!turned_away && (self.admitted || !asks_ || !asks_(self.info))) return false;
  fx.drops.push_back({conn, "asked for readers before it had a context"});
  return true;
}

}  // namespace cardea::core
