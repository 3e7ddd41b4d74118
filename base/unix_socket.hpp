// The few Unix-domain socket calls both sides need, with ownership and errors in the types.
// Every descriptor is close-on-exec. Results: success, or an Error whose context names the call,
// the path and errno. Thread-safe.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace cardea {

/// Who is at the other end, as the kernel saw it at connect time (SO_PEERCRED).
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
};

/// Creates a listening socket (mode 0666, non-blocking) at `path`, in place of what is there.
Result<UniqueFd> listen_unix(const std::string& path, int backlog);

/// What to do if so many wait for the listener that there is no room for one more.
enum class OnFullQueue { wait, fail };

/// The descriptor is in blocking mode. Errors carry no_service. The path is cut to what sun_path
/// holds.
Result<UniqueFd> connect_unix(const std::string& path, OnFullQueue on_full = OnFullQueue::wait);

/// True if somebody listens at `path`, even if they are too busy to take us. Never waits.
bool is_served(const std::string& path);

/// The path a listening socket is bound to; empty if it has none.
std::string unix_path(int fd);

Result<PeerCredentials> peer_credentials(int fd);

}  // namespace cardea
