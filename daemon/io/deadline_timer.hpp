// A timerfd that becomes readable at a point in time of the daemon's clock. For the poller.
// Thread-safe (the kernel's lock), but only its owner knows which deadline it is set to.
#pragma once

#include <optional>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace cardea {

class DeadlineTimer {
 public:
  static Result<DeadlineTimer> create();

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// nullopt: never. What was set before does not count any more.
  void set(std::optional<TimePoint> deadline) const;
  /// Takes the event, so that the descriptor is readable again only after the next deadline.
  void acknowledge() const;

 private:
  explicit DeadlineTimer(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace cardea
