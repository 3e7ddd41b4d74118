// Decides when somebody who wants to know what there is (the service manager) is told: at the first
// chance, after changes but not too often, and in regular intervals if he asks for that. Pure: time
// is a parameter. Owned by the server, under its lock.
#pragma once

#include <algorithm>
#include <optional>

#include "base/clock.hpp"

namespace cardea {

class ReportPlan {
 public:
  /// `gap`: the least time between reports of changes. `period`: the longest time without a report;
  /// none: as long as nothing changes.
  ReportPlan(Duration gap, std::optional<Duration> period) : gap_(gap), period_(period) {}

  enum class Urgency { can_wait, at_once };
  /// There is something to tell from `when` on; only what can wait keeps the gap.
  void tell(TimePoint when, Urgency urgency = Urgency::can_wait) {
    const bool waits = last_ && urgency == Urgency::can_wait;
    const TimePoint earliest = waits ? std::max(when, *last_ + gap_) : when;
    if (!due_ || earliest < *due_) due_ = earliest;
  }

  /// A report is made now; it counts for all that has been told to tell until now.
  void reported(TimePoint now) {
    last_ = now;
    due_.reset();
    if (period_) due_ = now + *period_;
  }

  /// When the next report is due; none: not before something happens.
  [[nodiscard]] std::optional<TimePoint> due() const { return due_; }

 private:
  const Duration gap_;
  const std::optional<Duration> period_;
  std::optional<TimePoint> last_;
  std::optional<TimePoint> due_;
};

}  // namespace cardea
