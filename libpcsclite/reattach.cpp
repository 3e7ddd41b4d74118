#include "libpcsclite/reattach.hpp"

#include <algorithm>

#include "base/scope_exit.hpp"
#include "libpcsclite/library.hpp"

namespace cardea {
namespace {

/// One try. For a wait it can be ended; a call sits it out, as it would any request.
ScardRv try_to_attach(ClientContext& context, const std::optional<WaitLimits>& wait) {
  GreetLimits limits;
  limits.on_full = OnFullQueue::fail;
  const ScopeExit end_wait([&] {
    if (wait) context.end_wait();
  });
  if (wait) {
    if (!context.begin_wait(wait->cancels_at_entry, limits.wake_fd)) return ScardRv::cancelled;
    if (wait->deadline) {
      limits.deadline = std::max(*wait->deadline, Clock::now() + kFirstAnswerMin);
    }
  }
  auto greeted = greet_daemon(library().environment().socket_path, context.scope(),
                              library().agreed_version, limits);
  if (!greeted) return greeted.error();
  context.attach(std::move(greeted->link), greeted->context);
  return ScardRv::success;
}

}  // namespace

bool is_loss(ScardRv rv) {
  return rv == ScardRv::no_service || rv == ScardRv::comm_error ||
         rv == ScardRv::security_violation;
}

ScardRv reattach(ClientContext& context, const std::optional<WaitLimits>& wait) {
  if (context.link().is_open()) return ScardRv::success;
  if (!library().environment().reattaches) return ScardRv::no_service;
  // The next daemon may be another version.
  library().agreed_version.forget();
  const TimePoint patient_until = context.lost_since() + (wait ? kWaitPatience : kCallPatience);
  Duration pause = kReattachPauseMin;
  for (;;) {
    const ScardRv rv = try_to_attach(context, wait);
    if (!is_loss(rv)) return rv;
    const TimePoint now = Clock::now();
    if (now >= patient_until) return rv;
    if (wait && wait->deadline && now >= *wait->deadline) return ScardRv::timeout;
    TimePoint next = std::min(now + pause, patient_until);
    if (wait && wait->deadline) next = std::min(next, *wait->deadline);
    const auto cancels = wait ? std::optional(wait->cancels_at_entry) : std::nullopt;
    if (!context.pause_until(next, cancels)) return ScardRv::cancelled;
    pause = std::min<Duration>(2 * pause, kReattachPauseMax);
  }
}

}  // namespace cardea
