// Exclusive use of one context for one request and its answer, first come first served; what is
// done about a connection that turns out to be gone; and the patience of requests that find the
// card locked by another handle.
#pragma once

#include <pcsclite.h>

#include <exception>
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

  /// Attaches the context if it is not: see reattach(). invalid_handle if it is released meanwhile.
  [[nodiscard]] ScardRv attach();

  /// Of a session on a card: the number to use in requests, and the reader's name.
  [[nodiscard]] std::int32_t card() const noexcept { return card_.daemon_handle; }
  [[nodiscard]] const std::string& reader() const noexcept { return *card_.reader; }
  /// False if the handle was made on a connection that is gone, and the daemon's with it.
  [[nodiscard]] bool has_card() const noexcept;

 private:
  Session() = default;

  std::shared_ptr<ClientContext> context_;
  CardEntry card_;
  /// More at the end: there was no memory in the middle of something.
  const int exceptions_at_entry_ = std::uncaught_exceptions();
};

/// A request that finds the connection gone is made again on a new one, so often.
inline constexpr int kContextTriesMax = 3;

/// Attaches the session's context if need be and runs `request(session)`, again if the connection
/// is lost meanwhile. The request must not mind being made again: what it did on an earlier
/// connection is gone with that.
template <typename Request>
[[nodiscard]] ScardRv request_attached(Session& session, Request request) {
  for (int tries = 1;; ++tries) {
    if (const ScardRv rv = session.attach(); rv != ScardRv::success) return rv;
    const ScardRv rv = request(session);
    if (session.link().is_open() || tries == kContextTriesMax) return rv;
    if (!library().environment().reattaches) return rv;
  }
}

/// The same on the context of this number; invalid_handle if there is none.
template <typename Request>
[[nodiscard]] ScardRv request_on_context(SCARDCONTEXT number, Request request) {
  Session session = Session::on_context(number);
  return session ? request_attached(session, request) : ScardRv::invalid_handle;
}

/// What a request does when another handle holds the card's lock.
enum class OnLockedCard {
  report,        ///< the caller gets SCARD_E_SHARING_VIOLATION
  retry,         ///< asks again, unless PCSCLITE_NO_BLOCKING is set
  retry_always,  ///< asks again
};

/// Whether the caller may be told "the card was reset" of a request that a dying daemon may have
/// carried out.
enum class IfHalfDone {
  reset,       ///< yes: what it did is gone
  comm_error,  ///< no: the card may have seen it
};

/// One try lasts at least this long. Cardea's daemon keeps a request that long, in a fair queue,
/// and is asked again at once; older daemons answer TRANSMIT, STATUS and RECONNECT immediately.
inline constexpr milliseconds kLockTryMin{100};

/// What there is to say of a handle whose connection is gone: reset_card, which tells programs to
/// reconnect, or reader_unavailable; or why there is no connection.
[[nodiscard]] ScardRv report_lost_card(Session& session);

/// Runs `request(session)` on the card's context until it is not refused with sharing_violation.
/// Between tries others may use the context. Ends with invalid_handle when the handle goes, and
/// with `on_lost(session)` if the connection of the handle is gone.
template <typename Request, typename OnLost = decltype(&report_lost_card)>
[[nodiscard]] ScardRv request_on_card(SCARDHANDLE card, OnLockedCard on_locked,
                                      IfHalfDone if_half_done, Request request,
                                      OnLost on_lost = &report_lost_card) {
  const bool reattaches = library().environment().reattaches;
  for (;;) {
    std::shared_ptr<ClientContext> context;
    TimePoint next_try;
    {
      Session session = Session::on_card(card);
      if (!session) return ScardRv::invalid_handle;
      if (reattaches && !session.has_card()) return on_lost(session);
      next_try = Clock::now() + kLockTryMin;
      const ScardRv rv = request(session);
      if (reattaches && !session.has_card()) {
        const bool maybe_done = rv == ScardRv::comm_error;
        if (maybe_done && if_half_done == IfHalfDone::comm_error) return rv;
        return on_lost(session);
      }
      if (rv != ScardRv::sharing_violation || on_locked == OnLockedCard::report) return rv;
      if (on_locked == OnLockedCard::retry && library().environment().no_blocking) return rv;
      context = session.context();
    }
    if (!context->pause_until(next_try)) return ScardRv::invalid_handle;
  }
}

}  // namespace cardea
