// A question of the core together with whom it is about, on its way to whoever decides. A value;
// it holds a descriptor, so it is moved.
#pragma once

#include <cstdint>
#include <string>

#include "base/unique_fd.hpp"
#include "base/unix_socket.hpp"
#include "daemon/core/effects.hpp"

namespace cardea::auth {

struct Petition {
  core::Question question;
  PeerCredentials peer;
  std::uint64_t start_time = 0;  ///< of the process, in clock ticks since boot; 0: unknown
  UniqueFd pidfd;                ///< none where the kernel has no such thing
  std::string obstacle;          ///< why polkit cannot be asked about it; empty: nothing
};

/// polkit's name of what is asked for.
constexpr const char* action_id(core::AccessKind kind) {
  return kind == core::AccessKind::pcsc ? "org.debian.pcsc-lite.access_pcsc"
                                        : "org.debian.pcsc-lite.access_card";
}

}  // namespace cardea::auth
