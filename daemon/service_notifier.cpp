#include "daemon/service_notifier.hpp"

#include <systemd/sd-daemon.h>

#include <cstdlib>

namespace cardea {
namespace {

std::string counted(std::size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::optional<Duration> read_watchdog_period() {
  std::uint64_t limit_us = 0;
  if (::sd_watchdog_enabled(/*unset_environment=*/0, &limit_us) <= 0) return std::nullopt;
  return std::chrono::microseconds(limit_us / 2);  // as sd_watchdog_enabled(3) recommends
}

void send(const std::string& state) { (void)::sd_notify(/*unset_environment=*/0, state.c_str()); }

}  // namespace

ServiceNotifier::ServiceNotifier()
    : wanted_(::secure_getenv("NOTIFY_SOCKET") != nullptr),
      watchdog_period_(read_watchdog_period()) {}

void ServiceNotifier::report(std::size_t readers, std::size_t clients, bool starting) {
  std::string state;
  if (watchdog_period_) state += "WATCHDOG=1\n";
  MutexLock lock(mutex_);
  if (!ready_ && !starting) {
    ready_ = true;
    state += "READY=1\n";
  }
  const std::string status = counted(readers, "reader") + ", " + counted(clients, "client");
  if (status != status_) state += "STATUS=" + status + "\n";
  status_ = status;
  if (!state.empty()) send(state);
}

void ServiceNotifier::reloading() {
  MutexLock lock(mutex_);
  if (!ready_) return;
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
      Clock::now().time_since_epoch());  // CLOCK_MONOTONIC, which is what systemd compares with
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()));
}

void ServiceNotifier::reloaded() {
  MutexLock lock(mutex_);
  if (ready_) send("READY=1");
}

void ServiceNotifier::stopping() { send("STOPPING=1"); }

}  // namespace cardea
