// The composition root: builds the daemon from its parts, runs it, takes it down.
#pragma once

#include "daemon/options.hpp"

namespace cardea {

/// Runs the daemon until a signal (daemon/signals.hpp) or --auto-exit ends it. Without --foreground
/// this returns twice: at once in the process that was started, with the status of the start, and
/// in the daemon at its end. Returns the exit status: 0 or, by signal, 1 after an orderly end, 1
/// if it could not start or a driver did not let go of its reader, 2 if the daemon died at start.
int run_daemon(const Options& options);

/// --hotplug: makes the pcscd that serves `options.socket` look for readers again. Returns the exit
/// status: 0 if it was told, 1 if there is none or we may not; standard error then says why.
int ask_for_rescan(const Options& options);

}  // namespace cardea
