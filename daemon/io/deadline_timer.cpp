#include "daemon/io/deadline_timer.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace cardea {

Result<DeadlineTimer> DeadlineTimer::create() {
  UniqueFd fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!fd) {
    return failure(ScardRv::internal_error, std::string("timerfd_create: ") + std::strerror(errno));
  }
  return DeadlineTimer(std::move(fd));
}

void DeadlineTimer::set(std::optional<TimePoint> deadline) const {
  itimerspec at{};  // all zero: off
  if (deadline) {
    const auto since = deadline->time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    at.it_value.tv_sec = seconds.count();
    at.it_value.tv_nsec = std::chrono::nanoseconds(since - seconds).count() | 1;
  }
  ::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
}

void DeadlineTimer::acknowledge() const {
  std::uint64_t expirations = 0;
  (void)!::read(fd_.get(), &expirations, sizeof expirations);
}

}  // namespace cardea
