#include "libpcsclite/session.hpp"

namespace cardea {

Session::Session(std::shared_ptr<ClientContext> context) : context_(std::move(context)) {
  context_->lock().lock();
  was_open_ = context_->link().is_open();
}

Session::~Session() {
  if (context_ == nullptr) return;
  if (was_open_ && !context_->link().is_open()) library().agreed_version.forget();
  context_->lock().unlock();
}

Session Session::on_context(SCARDCONTEXT number) {
  auto context = library().contexts.find(number);
  if (context == nullptr) return Session();
  Session session(std::move(context));
  if (session.context_->released()) return Session();
  return session;
}

Session Session::on_card(SCARDHANDLE card) {
  auto context = library().contexts.find_card(card);
  if (context == nullptr) return Session();
  Session session(std::move(context));
  // The thread before this one may have disconnected the handle. The daemon must not see it
  // again: older ones punish an unknown handle by hanging up.
  if (library().contexts.find_card(card) != session.context_) return Session();
  return session;
}

}  // namespace cardea
