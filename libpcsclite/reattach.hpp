// A context whose connection is gone gets a new one: the daemon was restarted, or this process is
// a forked child. What the daemon kept for the old connection (handles, transactions) is lost, the
// context is not.
// COMPAT: with pcsc-lite such a context is dead for good; with CARDEA_NO_REATTACH here as well.
#pragma once

#include <cstdint>
#include <optional>

#include "libpcsclite/client_context.hpp"

namespace cardea {

/// While a daemon restarts its socket is away for a moment. So long, from the moment when it was
/// found gone, a call is patient; later calls try once.
inline constexpr milliseconds kCallPatience{5'000};
/// A wait for events has more time: a service that is upgraded may be away for a while.
inline constexpr milliseconds kWaitPatience{30'000};
/// Between two tries; each pause is twice the one before.
inline constexpr milliseconds kReattachPauseMin{10};
inline constexpr milliseconds kReattachPauseMax{250};
/// A daemon that has just started powers up its cards before it answers. Also for a timeout of 0,
/// which else could not tell anything.
inline constexpr milliseconds kFirstAnswerMin{2'000};

/// A wait that can be cancelled and has a timeout.
struct WaitLimits {
  Deadline deadline;
  std::uint64_t cancels_at_entry = 0;  ///< see ClientContext::cancels()
};

/// Success at once if the context is attached. `wait`: on behalf of a wait; else of a call. The
/// caller holds the context's lock. Other results: no_service (nobody there), comm_error,
/// security_violation, service_stopped; cancelled (also: released), timeout.
[[nodiscard]] ScardRv reattach(ClientContext& context,
                               const std::optional<WaitLimits>& wait = std::nullopt);

/// Whether a request, or a greeting, that ended so may have lost its daemon. One that dies while it
/// is greeted looks like one that refuses.
[[nodiscard]] bool is_loss(ScardRv rv);

}  // namespace cardea
