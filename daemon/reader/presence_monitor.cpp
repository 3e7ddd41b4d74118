#include "daemon/reader/presence_monitor.hpp"

namespace cardea {
namespace {

/// As long as drivers expect; a driver that can be stopped need not return earlier.
constexpr milliseconds kWaitMax{600'000};
/// A driver that cannot be stopped delays its reader's removal by up to this.
constexpr milliseconds kWaitWithoutStopMax{1'000};
/// A polling function that fails at once must not become a busy loop.
constexpr milliseconds kAfterErrorPause{400};

}  // namespace

PresenceMonitor::PresenceMonitor(IfdDriver& driver, std::function<void()> changed)
    : driver_(driver), changed_(std::move(changed)) {}

void PresenceMonitor::start() {
  thread_ = std::thread([this] { run(); });
}

void PresenceMonitor::stop() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  stop_requested_.notify_one();
  (void)driver_.stop_waiting();  // without a stop function the wait ends by its time
  thread_.join();
}

void PresenceMonitor::run() {
  // A first call that cannot last finds out whether the driver can be stopped at all: it must not
  // be left in a wait of ten minutes otherwise.
  const milliseconds wait = driver_.can_stop_waiting() ? kWaitMax : kWaitWithoutStopMax;
  for (;;) {
    const IfdRv rv = driver_.wait_event(wait);
    MutexLock lock(mutex_);
    if (stopping_) return;
    if (rv != IfdRv::success) {
      const TimePoint until = Clock::now() + kAfterErrorPause;
      while (!stopping_ && Clock::now() < until) stop_requested_.wait_until(mutex_, until);
      if (stopping_) return;
    }
    changed_();
  }
}

}  // namespace cardea
