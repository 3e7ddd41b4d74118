// Tells systemd how the service is: ready, how many readers and clients, reloading, stopping, and
// that it is alive. Without systemd (NOTIFY_SOCKET) it does nothing. Thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/mutex.hpp"

namespace cardea {

class ServiceNotifier {
 public:
  /// Reads NOTIFY_SOCKET and WATCHDOG_USEC.
  ServiceNotifier();

  /// Somebody listens.
  [[nodiscard]] bool is_wanted() const { return wanted_; }
  /// How often report() has to be called lest systemd takes us for dead; none: it does not watch.
  [[nodiscard]] std::optional<Duration> watchdog_period() const { return watchdog_period_; }

  /// "2 readers, 1 client" is the status line; the first call that is not `starting` makes the
  /// service ready. Feeds the watchdog.
  void report(std::size_t readers, std::size_t clients, bool starting) EXCLUDES(mutex_);
  /// Around a reload. Before the service is ready they say nothing.
  void reloading() EXCLUDES(mutex_);
  void reloaded() EXCLUDES(mutex_);
  void stopping() EXCLUDES(mutex_);

 private:
  const bool wanted_;
  std::optional<Duration> watchdog_period_;
  Mutex mutex_;
  bool ready_ GUARDED_BY(mutex_) = false;
  std::string status_ GUARDED_BY(mutex_);  ///< the last one sent
};

}  // namespace cardea
