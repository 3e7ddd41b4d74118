// What the keeper does, see host_keeper.hpp. A process with one thread that loads nothing, reads
// orders of fixed size and nothing else, and holds no descriptor but its two sockets.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/unique_fd.hpp"

namespace cardea {

struct KeeperStart {
  UniqueFd orders;
  UniqueFd log;  ///< handed on to each host
  pid_t daemon = 0;
  std::string program;
  bool driver_dumps = false;
  bool keep_output = false;
};

/// In the child of the daemon: starts hosts until the daemon is gone, then ends.
[[noreturn]] void run_keeper(KeeperStart start);

}  // namespace cardea
