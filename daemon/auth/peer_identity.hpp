// Names the program at the other end of a connection for log records. Any thread.
#pragma once

#include <string>

#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "base/unix_socket.hpp"
#include "daemon/auth/sandbox.hpp"

namespace cardea {

struct PeerIdentity {
  std::string text;    ///< "/usr/bin/x (pid 12, uid 1000, snap y)", safe for one log line
  log::Fields fields;  ///< CLIENT_PID, CLIENT_UID, CLIENT_NAME, CLIENT_EXE (where it is not
                       ///< ours to know the same as the name); in a sandbox CLIENT_SANDBOX and
                       ///< CLIENT_APP_ID
  auth::Sandbox sandbox;
};

/// Looks the program up in /proc now, so it should be called while the peer still lives; a
/// program that has gone already is called "a program that has exited". With its `pidfd` no other
/// program is taken for it that has got its number meanwhile.
PeerIdentity identify(const PeerCredentials& peer, const UniqueFd& pidfd = {});

}  // namespace cardea
