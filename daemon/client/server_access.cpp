// Server: who may be served. The core asks, the authorizer answers, at once or later.
#include "daemon/client/server.hpp"

namespace cardea {

void Server::set_authorizer(auth::Authorizer& authorizer) {
  authorizer_ = &authorizer;
  authorizer.on_decided([this](core::ConnId conn, core::CallId call, bool allowed) {
    executor_->post([this, conn, call, allowed] {
      Round round;
      decide(conn, call, allowed, round);
      run(round);
    });
  });
  MutexLock lock(core_mutex_);
  core_.set_access_check(
      [&authorizer](const core::ClientInfo& client) { return authorizer.asks_about(client.uid); });
}

void Server::ask(const ConnectionPtr& connection, const core::Question& question, Round& round) {
  const auto answer = authorizer_->ask(question, connection->peer, connection->descriptor());
  if (answer) decide(question.conn, question.call, *answer, round);
}

void Server::decide(core::ConnId conn, core::CallId call, bool allowed, Round& round) {
  with_core(round, [&](core::Core& core, TimePoint now, core::Effects& fx) {
    core.decide(conn, call, allowed, now, fx);
  });
}

}  // namespace cardea
