// The signals of pcscd: all that mean something are blocked in all threads, and the main thread
// waits for them.
//
//   SIGTERM, SIGALRM   orderly end, exit status 0
//   SIGINT, SIGQUIT    orderly end, exit status 1 as with pcsc-lite; two more end it at once
//   SIGUSR1, SIGHUP    look for readers again
//   SIGRTMIN           summaries of the log are due (daemon/journal_log.hpp)
//   SIGPIPE            ignored
//
// COMPAT: pcsc-lite ignores SIGHUP; administrators expect it to do something. It ends itself with
// SIGALRM, which works for others too, so it does here.
#pragma once

#include <csignal>
#include <optional>

#include "base/clock.hpp"

namespace cardea {

/// A number that nobody else uses; the C library decides at run time.
inline int log_signal() { return SIGRTMIN; }

class Signals {
 public:
  /// Blocks them. Make it before the first thread, which would otherwise take them.
  Signals();

  /// The next signal; 0 if the time is over. Without `limit` it waits for ever.
  int wait(std::optional<Duration> limit);

  /// For the time of an orderly end, which a driver may delay: two SIGINT or SIGQUIT from here on
  /// end the process at once with status 1. They interrupt the calling thread.
  void allow_force();

 private:
  sigset_t handled_;
};

}  // namespace cardea
