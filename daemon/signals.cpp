#include "daemon/signals.hpp"

#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace cardea {
namespace {

constexpr int kInterruptsToForce = 2;

std::atomic<int> g_interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free, "used in a signal handler");

void on_interrupt(int) {
  if (++g_interrupts >= kInterruptsToForce) ::_exit(1);
}

}  // namespace

Signals::Signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigemptyset(&handled_);
  for (const int signal : {SIGTERM, SIGALRM, SIGINT, SIGQUIT, SIGUSR1, SIGHUP}) {
    sigaddset(&handled_, signal);
  }
  sigaddset(&handled_, log_signal());
  ::pthread_sigmask(SIG_BLOCK, &handled_, nullptr);
}

int Signals::wait(std::optional<Duration> limit) {
  for (;;) {
    int signal = 0;
    if (limit) {
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*limit);
      const timespec time{seconds.count(), std::chrono::nanoseconds(*limit - seconds).count()};
      signal = ::sigtimedwait(&handled_, nullptr, &time);
    } else {
      signal = ::sigwaitinfo(&handled_, nullptr);
    }
    if (signal > 0) return signal;
    if (errno != EINTR) return 0;
  }
}

void Signals::allow_force() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigset_t interrupts;
  sigemptyset(&interrupts);
  for (const int signal : {SIGINT, SIGQUIT}) {
    ::sigaction(signal, &action, nullptr);
    sigaddset(&interrupts, signal);
  }
  ::pthread_sigmask(SIG_UNBLOCK, &interrupts, nullptr);
}

}  // namespace cardea
