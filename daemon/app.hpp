// The composition root: builds the daemon from its parts, runs it, takes it down.
#pragma once

#include "daemon/options.hpp"

namespace cardea {

/// Runs the daemon until SIGTERM or SIGINT. Returns the exit status: 0 after an orderly end, 1 if
/// it could not start or a driver did not let go of its reader.
int run_daemon(const Options& options);

}  // namespace cardea
