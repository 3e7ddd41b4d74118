// Notices that the computer has slept. Nothing polls: the kernel ends a timer of the wall clock
// when that clock is set and when the computer wakes up, and how long it slept is the difference of
// two clocks, of which one stands still meanwhile. Needs neither D-Bus nor logind. One thread at a
// time.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace cardea {

class SleepWatch {
 public:
  /// Fails where the kernel has no timer for it.
  static Result<SleepWatch> create();

  /// Readable when the computer may have slept; for the poller.
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// After the descriptor became readable: how long the computer has slept since the last call, to
  /// the second; zero if only the wall clock was set. Takes the event.
  std::chrono::seconds slept();

 private:
  explicit SleepWatch(UniqueFd fd);
  void arm() const;

  UniqueFd fd_;
  Duration asleep_;  ///< since the computer was started, as of the last look
};

}  // namespace cardea
