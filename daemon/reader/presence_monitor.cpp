#include "daemon/reader/presence_monitor.hpp"

#include "base/thread.hpp"

namespace cardea {
namespace {

/// As long as drivers expect; a driver that can be stopped need not return earlier.
constexpr milliseconds kWaitMax{600'000};
/// A driver that cannot be stopped delays its reader's removal by up to this.
constexpr milliseconds kWaitWithoutStopMax{1'000};
/// A stop function that is called a moment too early, before the driver waits, does nothing.
constexpr milliseconds kStopAgainPause{50};
/// The transfer of a device that was unplugged ends with an error. libccid 1.5.2 may free it while
/// its stop function cancels it, which kills the process; so that is not called at once.
constexpr milliseconds kEndsByItself{500};
/// A polling function that returns at once, again and again, must not become a busy loop.
constexpr milliseconds kAfterErrorPause{400};
constexpr milliseconds kAtOnce{1};
constexpr int kAtOnceMax = 100;

}  // namespace

PresenceMonitor::PresenceMonitor(IfdDriver& driver, std::function<void()> changed)
    : driver_(driver), changed_(std::move(changed)) {}

bool PresenceMonitor::start() {
  return start_thread(thread_, [this] { run(); });
}

void PresenceMonitor::stop(bool device_gone) {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  stopping_or_ended_.notify_one();
  if (!device_gone || !has_ended_within(kEndsByItself)) {
    do {
      // Without a stop function the wait ends by its time.
      if (is_in_driver()) (void)driver_.stop_waiting();
    } while (!has_ended_within(kStopAgainPause));
  }
  thread_.join();
}

bool PresenceMonitor::is_in_driver() {
  MutexLock lock(mutex_);
  return in_driver_;
}

bool PresenceMonitor::has_ended_within(milliseconds pause) {
  MutexLock lock(mutex_);
  const TimePoint until = Clock::now() + pause;
  while (!ended_ && Clock::now() < until) (void)stopping_or_ended_.wait_until(mutex_, until);
  return ended_;
}

void PresenceMonitor::run() {
  wait_for_changes();
  MutexLock lock(mutex_);
  ended_ = true;
  stopping_or_ended_.notify_one();
}

void PresenceMonitor::wait_for_changes() {
  // A first call that cannot last finds out whether the driver can be stopped at all: it must not
  // be left in a wait of ten minutes otherwise.
  const milliseconds wait = driver_.can_stop_waiting() ? kWaitMax : kWaitWithoutStopMax;
  int at_once = 0;
  for (;;) {
    const TimePoint began = Clock::now();
    {
      MutexLock lock(mutex_);
      if (stopping_) return;
      in_driver_ = true;
    }
    const IfdRv rv = driver_.wait_event(wait);
    at_once = Clock::now() - began < kAtOnce ? at_once + 1 : 0;
    MutexLock lock(mutex_);
    in_driver_ = false;
    if (stopping_) return;
    if (rv != IfdRv::success || at_once > kAtOnceMax) {
      const TimePoint until = Clock::now() + kAfterErrorPause;
      while (!stopping_ && Clock::now() < until) stopping_or_ended_.wait_until(mutex_, until);
      if (stopping_) return;
    }
    changed_();
  }
}

}  // namespace cardea
