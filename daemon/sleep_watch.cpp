#include "daemon/sleep_watch.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <limits>
#include <string>

namespace cardea {
namespace {

Duration time_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

/// How long the computer has slept since it was started.
Duration time_asleep() { return time_of(CLOCK_BOOTTIME) - time_of(CLOCK_MONOTONIC); }

}  // namespace

Result<SleepWatch> SleepWatch::create() {
  UniqueFd fd(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!fd) {
    return failure(ScardRv::internal_error, std::string("timerfd_create: ") + std::strerror(errno));
  }
  return SleepWatch(std::move(fd));
}

SleepWatch::SleepWatch(UniqueFd fd) : fd_(std::move(fd)), asleep_(time_asleep()) { arm(); }

void SleepWatch::arm() const {
  itimerspec never{};
  never.it_value.tv_sec = std::numeric_limits<std::time_t>::max();
  ::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr);
}

std::chrono::seconds SleepWatch::slept() {
  std::uint64_t ignored = 0;
  (void)!::read(fd_.get(), &ignored, sizeof ignored);  // ECANCELED: the clock has jumped
  arm();
  const Duration before = asleep_;
  asleep_ = time_asleep();
  // Rounded: the two clocks are not read in the same moment.
  return std::chrono::round<std::chrono::seconds>(asleep_ - before);
}

}  // namespace cardea
