// The process at the other end of a connection, beyond what SO_PEERCRED says. All of it is looked
// up when it is needed, so an idle connection costs nothing. Any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"

namespace cardea::auth {

/// Names the process that connected, whoever has its number later; no descriptor before Linux 6.5,
/// or if the process is gone.
UniqueFd peer_pidfd(int socket);

bool has_exited(const UniqueFd& pidfd);

/// The groups it had when it connected; `primary` alone if the kernel does not tell.
std::vector<gid_t> peer_groups(int socket, gid_t primary);

/// In clock ticks since the machine was started; nullopt if the process is gone or hidden from us.
std::optional<std::uint64_t> start_time(pid_t pid);

/// The same from the text of /proc/PID/stat.
std::optional<std::uint64_t> parse_start_time(const std::string& stat);

/// The login session of the process as logind describes it, for records: "active", "inactive",
/// "remote", "none", or why nobody knows. Reads files of logind; uses no bus.
std::string session_state(pid_t pid, uid_t uid);

}  // namespace cardea::auth
