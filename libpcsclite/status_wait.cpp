#include "libpcsclite/status_wait.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/scope_exit.hpp"
#include "libpcsclite/reattach.hpp"
#include "libpcsclite/session.hpp"
#include "libpcsclite/state_fetch.hpp"
#include "libpcsclite/status_change.hpp"

namespace cardea {
namespace {

/// A daemon that is alive answers STOP at once. One that is not must not stretch the timeout.
constexpr milliseconds kStopAnswerMax{500};
/// Connections of this length, several in a row, are no restart but a daemon that will not have us.
constexpr milliseconds kShortLived{1000};
/// Older daemons do not tell everything: before 4:4 nothing that changes between the fetch and the
/// registration, and pcsc-lite 1.9.9 not that a card ceases to be in use. So look again then.
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

/// The same reader before and after a restart, as far as one can see: empty, or the same card.
bool looks_alike(const wire::ReaderState& before, const wire::ReaderState& after) {
  constexpr std::uint32_t kVisible =
      wire::kStateAbsent | wire::kStatePresent | wire::kStateSwallowed | wire::kStateUnknown;
  return (before.state & kVisible) == (after.state & kVisible) &&
         std::equal(before.atr, before.atr + before.atr_bytes, after.atr,
                    after.atr + after.atr_bytes);
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
        wants_events_(std::ranges::any_of(states, is_pnp)) {
    currents_.reserve(states.size());
    for (const SCARD_READERSTATE& entry : states) currents_.push_back(current_state(entry));
  }

  /// The wait goes on if the daemon is restarted meanwhile.
  ScardRv run() {
    const WaitLimits limits{deadline_, cancels_at_entry_};
    for (int short_lived = 0;;) {
      const ScardRv attached = reattach(context_, limits);
      if (attached == ScardRv::timeout) return tell_nothing();
      if (attached != ScardRv::success) return attached;
      const TimePoint start = Clock::now();
      const ScardRv rv = run_attached();
      if (link_.is_open() || !is_loss(rv) || !library().environment().reattaches) return rv;
      short_lived = Clock::now() - start < kShortLived ? short_lived + 1 : 0;
      if (short_lived == kContextTriesMax) return rv;
      if (!answer_.readers.names().empty()) before_loss_ = std::move(answer_);
      answer_ = {};
    }
  }

 private:
  ScardRv run_attached() {
    // If the result is certain or must come at once, there is nothing to register for.
    if (const ScardRv rv = fetch(/*registers=*/!returns_at_once()); rv != ScardRv::success) {
      return rv == ScardRv::timeout ? tell_nothing() : rv;
    }
    if (!readers_at_entry_) {
      if (!knows_all_names()) return leave(ScardRv::unknown_reader);
      readers_at_entry_ = answer_.readers.names();
    } else {
      resume();
    }
    for (SCARD_READERSTATE& entry : states_) entry.dwEventState = 0;
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

  /// A restarted daemon counts events from the beginning. That alone is no news: for readers that
  /// look as they did before, the new count is the one to compare with.
  void resume() {
    const auto with_count = [](std::uint32_t current, std::uint32_t count) {
      return current >> 16 == 0 ? current : (count << 16 | (current & 0xFFFF));
    };
    for (std::size_t i = 0; i < states_.size(); ++i) {
      const char* const name = states_[i].szReader;
      const wire::ReaderState* const before = before_loss_.readers.find(name);
      const wire::ReaderState* const after = answer_.readers.find(name);
      if (before != nullptr && after != nullptr && looks_alike(*before, *after)) {
        currents_[i] = with_count(currents_[i], after->event_counter);
      } else if (before == nullptr && after == nullptr && is_pnp_name(name)) {
        currents_[i] = with_count(currents_[i], answer_.reader_events);
      }
    }
  }

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
    if (deadline_) request.deadline = std::max(*deadline_, Clock::now() + kFirstAnswerMin);
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
    for (std::size_t i = 0; i < states_.size(); ++i) {
      SCARD_READERSTATE& entry = states_[i];
      if (is_ignored(entry)) continue;
      StateEvaluation evaluation;
      if (const wire::ReaderState* const row = answer_.readers.find(entry.szReader);
          row == nullptr && is_pnp_name(entry.szReader)) {
        // COMPAT: pcsc-lite compares the number of readers, and misses one replaced by another.
        evaluation = evaluate_pnp(currents_[i], answer_.reader_events,
                                  answer_.readers.names() != *readers_at_entry_);
      } else {
        evaluation = evaluate_reader(currents_[i], row);
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
      const ScardRv rv = link_.wait_readable(limit_of_one_wait(wake_fd), wake_fd);
      if (rv == ScardRv::success) break;
      if (rv == ScardRv::timeout) {
        if (deadline_ && Clock::now() >= *deadline_) return ScardRv::timeout;
        // Unregister, and begin anew with a look at the states.
        if (wake_fd >= 0) return withdraw();
      } else if (rv != ScardRv::cancelled) {
        return rv;
      }
    }
    return read_completion(deadline_);
  }

  [[nodiscard]] Deadline limit_of_one_wait(int wake_fd) const {
    if (wake_fd < 0) return earlier(deadline_, kBlindWaitMax);
    const bool is_older = link_.dialect().minor < wire::newest_dialect().minor;
    if (is_older) return earlier(deadline_, kUnsafeWaitMax);
    return deadline_;
  }

  ScardRv read_completion(Deadline deadline) {
    const ScardRv rv = link_.need(sizeof(wire::Completion), deadline);
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
  std::vector<std::uint32_t> currents_;  // what the caller knows, entry by entry
  std::optional<std::vector<std::string>> readers_at_entry_;
  FetchAnswer answer_;
  FetchAnswer before_loss_;
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
