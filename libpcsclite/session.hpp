// Exclusive use of one context for one request and its answer, first come first served; and the
// patience of requests that find the card locked by another handle.
#pragma once

#include <pcsclite.h>

#include <memory>
#include <utility>

#include "libpcsclite/client_context.hpp"
#include "libpcsclite/library.hpp"

namespace cardea {

/// Held on the stack of the calling thread. Empty if the number is not (or no longer) valid.
class Session {
 public:
  /// For the context, or the context of the card handle. Waits for calls before this one.
  static Session on_context(SCARDCONTEXT context);
  static Session on_card(SCARDHANDLE card);
  /// For a context that is looked up already; also if it is released meanwhile.
  explicit Session(std::shared_ptr<ClientContext> context);
  ~Session();
  Session(Session&& other) noexcept = default;
  Session& operator=(Session&&) = delete;

  explicit operator bool() const noexcept { return context_ != nullptr; }
  [[nodiscard]] ServerLink& link() noexcept { return context_->link(); }
  [[nodiscard]] const std::shared_ptr<ClientContext>& context() const noexcept { return context_; }

 private:
  Session() = default;

  std::shared_ptr<ClientContext> context_;
  bool was_open_ = false;  // the connection, when this session got it
};

/// What a request does when another handle holds the card's lock.
enum class OnLockedCard {
  report,        ///< the caller gets SCARD_E_SHARING_VIOLATION
  retry,         ///< asks again, unless PCSCLITE_NO_BLOCKING is set
  retry_always,  ///< asks again
};

/// One try lasts at least this long. Cardea's daemon keeps a request that long, in a fair queue,
/// and is asked again at once; older daemons answer TRANSMIT, STATUS and RECONNECT immediately.
inline constexpr milliseconds kLockTryMin{100};

/// Runs `request(session)` on the card's context until it is not refused with sharing_violation.
/// Between tries others may use the context. Ends with invalid_handle when the handle goes.
template <typename Request>
[[nodiscard]] ScardRv request_on_card(SCARDHANDLE card, OnLockedCard on_locked, Request request) {
  for (;;) {
    std::shared_ptr<ClientContext> context;
    TimePoint next_try;
    {
      Session session = Session::on_card(card);
      if (!session) return ScardRv::invalid_handle;
      next_try = Clock::now() + kLockTryMin;
      const ScardRv rv = request(session);
      if (rv != ScardRv::sharing_violation || on_locked == OnLockedCard::report) return rv;
      if (on_locked == OnLockedCard::retry && library().environment().no_blocking) return rv;
      context = session.context();
    }
    if (!context->pause_until(next_try)) return ScardRv::invalid_handle;
  }
}

}  // namespace cardea
