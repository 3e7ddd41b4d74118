// What a driver host does: loads one handler library and serves the slots of one reader, each with
// one thread for its calls and one for its wait. It has a socket to the daemon and one for what it
// has to log, no clients, and no right to more than its user has. It ends when the daemon closes
// its socket; whatever the driver does wrong ends it too, and nobody else.
#pragma once

#include "base/unique_fd.hpp"

namespace cardea {

/// The first argument that makes a program a driver host.
inline constexpr const char* kDriverHostArgument = "--run-driver-host";
/// The second one, or none: bytes that the driver prints are logged, see set_driver_dumps().
inline constexpr const char* kDriverHostDumps = "dumps";
/// Where the host finds its sockets.
inline constexpr int kHostSocketFd = 3;
inline constexpr int kHostLogFd = 4;

/// Serves until the other end of `socket` is closed. The exit status. Ends the process at once if
/// slots are still open then: the daemon is gone.
int serve_driver(UniqueFd socket);

/// What main() does for kDriverHostArgument.
int run_driver_host(bool driver_dumps);

}  // namespace cardea
