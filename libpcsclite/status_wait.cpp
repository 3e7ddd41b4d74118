#include "libpcsclite/status_wait.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "base/scope_exit.hpp"
#include "libpcsclite/cancellation.hpp"
#include "libpcsclite/session.hpp"
#include "libpcsclite/state_fetch.hpp"
#include "libpcsclite/status_change.hpp"

namespace cardea {
namespace {

/// A daemon that is alive answers STOP at once. One that is not must not stretch the timeout.
constexpr milliseconds kStopAnswerMax{500};
/// The first answer of a daemon may take a while, it powers up new cards first. Also for a
/// timeout of 0, which else could not tell anything.
constexpr milliseconds kStatesAnswerMin{2000};
/// Before 4:4 a change between fetching and registering could go unnoticed; look again then.
constexpr milliseconds kUnsafeWaitMax{60000};
/// How often a wait looks for a cancel if no descriptor for a wake-up could be had.
constexpr milliseconds kBlindWaitMax{100};
/// Longer timeouts (31 years) are as good as infinite, and do not fit the clock's arithmetic.
constexpr DWORD kTimeoutMsMax = 1'000'000'000'000;

Deadline deadline_of(DWORD timeout_ms) {
  if (timeout_ms == INFINITE || timeout_ms > kTimeoutMsMax) return std::nullopt;
  return Clock::now() + milliseconds(timeout_ms);
}

Deadline earlier(Deadline deadline, Duration limit) {
  const TimePoint limited = Clock::now() + limit;
  return deadline ? std::min(*deadline, limited) : limited;
}

bool is_ignored(const SCARD_READERSTATE& entry) {
  return (entry.dwCurrentState & SCARD_STATE_IGNORE) != 0;
}

bool is_pnp(const SCARD_READERSTATE& entry) {
  return !is_ignored(entry) && is_pnp_name(entry.szReader);
}

std::uint32_t current_state(const SCARD_READERSTATE& entry) {
  return static_cast<std::uint32_t>(entry.dwCurrentState);
}

void write_atr(SCARD_READERSTATE& entry, const wire::ReaderState& row) {
  const bool present = (row.state & wire::kStatePresent) != 0;
  entry.cbAtr = present ? row.atr_bytes : 0;
  std::copy_n(row.atr, entry.cbAtr, entry.rgbAtr);
}

class StatusWait {
 public:
  StatusWait(ClientContext& context, std::uint64_t cancels_at_entry, Deadline deadline,
             std::span<SCARD_READERSTATE> states)
      : context_(context),
        link_(context.link()),
        cancels_at_entry_(cancels_at_entry),
        deadline_(deadline),
        states_(states),
        wants_events_(std::ranges::any_of(states, is_pnp)) {}

  ScardRv run() {
    // If the result is certain or must come at once, there is nothing to register for.
    if (const ScardRv rv = fetch(/*registers=*/!returns_at_once()); rv != ScardRv::success) {
      return rv == ScardRv::timeout ? tell_nothing() : rv;
    }
    if (!knows_all_names()) return leave(ScardRv::unknown_reader);
    for (SCARD_READERSTATE& entry : states_) entry.dwEventState = 0;
    readers_at_entry_ = answer_.readers.names();
    while (!evaluate()) {
      if (deadline_ && Clock::now() >= *deadline_) return leave(ScardRv::timeout);
      if (answer_.registered) {
        if (const ScardRv rv = await_change(); rv != ScardRv::success) return leave(rv);
        // Most likely the change that was waited for: look before registering again.
        if (const ScardRv rv = fetch(/*registers=*/false); rv != ScardRv::success) return rv;
      } else {
        if (const ScardRv rv = fetch(/*registers=*/true); rv != ScardRv::success) return rv;
      }
    }
    return leave(ScardRv::success);
  }

 private:
  [[nodiscard]] bool returns_at_once() const {
    if (deadline_ && Clock::now() >= *deadline_) return true;
    return std::ranges::any_of(states_, [](const SCARD_READERSTATE& entry) {
      return !is_ignored(entry) && always_changed(current_state(entry)) &&
             !is_pnp_name(entry.szReader);
    });
  }

  ScardRv fetch(bool registers) {
    FetchRequest request;
    request.registers = registers;
    request.reader_events = wants_events_;
    if (deadline_) request.deadline = std::max(*deadline_, Clock::now() + kStatesAnswerMin);
    return fetch_states(link_, request, answer_);
  }

  [[nodiscard]] bool knows_all_names() const {
    return std::ranges::all_of(states_, [this](const SCARD_READERSTATE& entry) {
      return answer_.readers.find(entry.szReader) != nullptr || is_pnp_name(entry.szReader);
    });
  }

  /// Fills in all entries; true if any of them changed.
  bool evaluate() {
    bool changed = false;
    for (SCARD_READERSTATE& entry : states_) {
      if (is_ignored(entry)) continue;
      StateEvaluation evaluation;
      if (const wire::ReaderState* const row = answer_.readers.find(entry.szReader);
          row == nullptr && is_pnp_name(entry.szReader)) {
        // COMPAT: pcsc-lite compares the number of readers, and misses one replaced by another.
        evaluation = evaluate_pnp(current_state(entry), answer_.reader_events,
                                  answer_.readers.names() != readers_at_entry_);
      } else {
        evaluation = evaluate_reader(current_state(entry), row);
        if (evaluation.tells_atr) write_atr(entry, *row);
      }
      entry.dwEventState = evaluation.event_state;
      changed = changed || evaluation.changed;
    }
    return changed;
  }

  /// Waits for the completion of the WAIT; success when it announces a change.
  ScardRv await_change() {
    while (link_.buffered().empty()) {
      int wake_fd = -1;
      if (!context_.begin_wait(cancels_at_entry_, wake_fd)) return ScardRv::cancelled;
      const ScopeExit end_wait([this] { context_.end_wait(); });
      const ScardRv rv = wait_as_cancellation_point(limit_of_one_wait(wake_fd), wake_fd);
      if (rv == ScardRv::success) break;
      if (rv == ScardRv::timeout) {
        if (deadline_ && Clock::now() >= *deadline_) return ScardRv::timeout;
        // Before 4:4: unregister, and begin anew with a look at the states.
        if (wake_fd >= 0) return withdraw();
      } else if (rv != ScardRv::cancelled) {
        return rv;
      }
    }
    return read_completion(deadline_);
  }

  /// COMPAT: pthread_cancel() ends a thread in this wait with pcsc-lite as well, but there leaves
  /// the context locked for ever.
  ScardRv wait_as_cancellation_point(Deadline limit, int wake_fd) {
    bool unwinding = true;
    const ScopeExit withdraw_if_unwinding([this, &unwinding] {
      if (unwinding) (void)withdraw();
    });
    const PthreadCancel enabled(PTHREAD_CANCEL_ENABLE);
    const ScardRv rv = link_.wait_readable(limit, wake_fd);
    unwinding = false;
    return rv;
  }

  [[nodiscard]] Deadline limit_of_one_wait(int wake_fd) const {
    if (wake_fd < 0) return earlier(deadline_, kBlindWaitMax);
    if (link_.dialect().states_precede_wait) return earlier(deadline_, kUnsafeWaitMax);
    return deadline_;
  }

  ScardRv read_completion(Deadline deadline) {
    const ScardRv rv = link_.need(sizeof(wire::Completion), deadline);
    // COMPAT: a reset here is a daemon that died, not one that refuses.
    if (rv == ScardRv::security_violation) return ScardRv::comm_error;
    if (rv != ScardRv::success) return rv;
    const auto completion = wire::decode<wire::Completion>(link_.buffered());
    link_.consume(sizeof completion);
    answer_.registered = false;
    return static_cast<ScardRv>(completion.rv);
  }

  /// Ends the registration, if there is one: after this nothing unasked-for can arrive.
  ScardRv withdraw() {
    if (!answer_.registered || !link_.is_open()) return ScardRv::success;
    // A completion that is here already, if only in part, is the last one: no STOP.
    if (link_.buffered().empty()) {
      if (const ScardRv rv = send_stop(link_); rv != ScardRv::success) return rv;
    }
    const ScardRv rv = read_completion(Clock::now() + kStopAnswerMax);
    if (rv != ScardRv::timeout) return rv;
    // COMPAT: pcsc-lite waits for a stopped daemon here, however short the timeout was.
    link_.owe(/*sized_array=*/false, sizeof(wire::Completion));
    answer_.registered = false;
    return ScardRv::success;
  }

  /// The result stands even if the connection breaks now; the next call will report that.
  ScardRv leave(ScardRv result) {
    (void)withdraw();
    return result;
  }

  /// The daemon did not answer in time: as far as the caller knows, nothing changed.
  ScardRv tell_nothing() {
    for (SCARD_READERSTATE& entry : states_) {
      entry.dwEventState = entry.dwCurrentState & ~DWORD{SCARD_STATE_CHANGED};
    }
    return ScardRv::timeout;
  }

  ClientContext& context_;
  ServerLink& link_;
  const std::uint64_t cancels_at_entry_;
  const Deadline deadline_;
  const std::span<SCARD_READERSTATE> states_;
  const bool wants_events_;
  std::vector<std::string> readers_at_entry_;
  FetchAnswer answer_;
};

}  // namespace

ScardRv wait_for_status_change(std::shared_ptr<ClientContext> context, DWORD timeout_ms,
                               std::span<SCARD_READERSTATE> states) {
  // Before waiting for other calls on this context, so that a cancel meanwhile counts.
  const std::uint64_t cancels_at_entry = context->cancels();
  const Deadline deadline = deadline_of(timeout_ms);
  Session session(std::move(context));
  if (session.context()->released()) return ScardRv::invalid_handle;
  return StatusWait(*session.context(), cancels_at_entry, deadline, states).run();
}

}  // namespace cardea
