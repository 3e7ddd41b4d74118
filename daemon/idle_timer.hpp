// Decides when a daemon that was started with --auto-exit has been without clients for so long that
// it should end. Pure: time is a parameter. Owned by the thread that waits for signals.
#pragma once

#include <optional>

#include "base/clock.hpp"

namespace cardea {

class IdleTimer {
 public:
  /// `limit`: how long the daemon stays without clients.
  explicit IdleTimer(Duration limit) : limit_(limit) {}

  /// How long to wait before asking again; zero: it is time to end. `idle_since` is when the last
  /// client left, or when service began if none came; none while clients are connected. Then
  /// the answer is the whole limit: should they all leave at once, it is not over before.
  [[nodiscard]] Duration time_left(std::optional<TimePoint> idle_since, TimePoint now) const {
    if (!idle_since) return limit_;
    const Duration idle = now - *idle_since;
    return idle < limit_ ? limit_ - idle : Duration::zero();
  }

 private:
  const Duration limit_;
};

}  // namespace cardea
