#include "libpcsclite/session.hpp"

#include "libpcsclite/reattach.hpp"
#include "libpcsclite/state_fetch.hpp"

namespace cardea {

Session::Session(std::shared_ptr<ClientContext> context) : context_(std::move(context)) {
  context_->lock().lock();
}

Session::~Session() {
  if (context_ == nullptr) return;
  // An answer may be unread, or a card be open that nobody will know of. A new connection, which
  // the next call makes, has neither.
  if (std::uncaught_exceptions() > exceptions_at_entry_) context_->link().close();
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
  auto entry = library().contexts.find_card(card);
  if (!entry) return Session();
  Session session(std::move(entry->context));
  // The thread before this one may have disconnected the handle. The daemon must not see it
  // again: older ones punish an unknown handle by hanging up. Or it has reconnected it.
  entry = library().contexts.find_card(card);
  if (!entry || entry->context != session.context_) return Session();
  session.card_ = std::move(*entry);
  return session;
}

ScardRv Session::attach() {
  const ScardRv rv = reattach(*context_);
  return rv == ScardRv::cancelled ? ScardRv::invalid_handle : rv;
}

bool Session::has_card() const noexcept {
  return context_->link().is_open() && card_.attachment == context_->attachment();
}

ScardRv report_lost_card(Session& session) {
  FetchAnswer answer;
  const ScardRv rv = request_attached(session, [&answer](Session& attached) {
    return fetch_states(attached.link(), FetchRequest{}, answer);
  });
  if (rv != ScardRv::success) return rv;
  return answer.readers.find(session.reader()) != nullptr ? ScardRv::reset_card
                                                          : ScardRv::reader_unavailable;
}

}  // namespace cardea
