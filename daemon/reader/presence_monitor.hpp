// Waits for card movements where the driver can: one thread per such reader that sits in the
// driver's polling function and passes on "something may have changed". Owned by the reader's
// runtime; stop() from any thread but its own.
#pragma once

#include <functional>
#include <thread>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "drivers/ifd_driver.hpp"

namespace cardea {

class PresenceMonitor {
 public:
  /// `driver` is borrowed and must have has_wait_event(). `changed` is called on the monitor's
  /// thread; it must not block.
  PresenceMonitor(IfdDriver& driver, std::function<void()> changed);
  ~PresenceMonitor() { stop(); }
  PresenceMonitor(const PresenceMonitor&) = delete;
  PresenceMonitor& operator=(const PresenceMonitor&) = delete;

  /// False if the system has no thread for it: then nothing is watched.
  [[nodiscard]] bool start() EXCLUDES(mutex_);
  /// Ends the wait and joins the thread; afterwards the driver may be closed. `device_gone`: the
  /// wait is likely to end by itself.
  void stop(bool device_gone = false) EXCLUDES(mutex_);

 private:
  void run() EXCLUDES(mutex_);
  void wait_for_changes() EXCLUDES(mutex_);
  /// Gives the thread a moment to notice; true if it has left the driver.
  bool has_ended_within(milliseconds pause) EXCLUDES(mutex_);
  bool is_in_driver() EXCLUDES(mutex_);

  IfdDriver& driver_;
  const std::function<void()> changed_;
  Mutex mutex_;
  CondVar stopping_or_ended_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool in_driver_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace cardea
