// How a connection to the daemon begins: agree on a minor version, then establish a context.
// Proposes 4:6 and takes what the daemon offers instead (4:3 to 4:5), on the same connection.
// Once the process knows what its daemon speaks, both steps go out with one write.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <tl/expected.hpp>

#include "base/scard_rv.hpp"
#include "base/unix_socket.hpp"
#include "libpcsclite/server_link.hpp"

namespace cardea {

/// What the daemon of this process spoke last. Thread-safe.
class AgreedVersion {
 public:
  /// nullptr: not known.
  [[nodiscard]] const wire::Dialect* dialect() const noexcept { return dialect_.load(); }
  void learn(const wire::Dialect& dialect) noexcept { dialect_.store(&dialect); }
  /// A connection was lost: the next daemon may be another version.
  void forget() noexcept { dialect_.store(nullptr); }

 private:
  std::atomic<const wire::Dialect*> dialect_{nullptr};
};

struct Greeted {
  ServerLink link;
  std::uint32_t context = 0;  ///< the daemon's number, not 0
};

/// What ends a greeting early.
struct GreetLimits {
  Deadline deadline;
  int wake_fd = -1;  ///< -1: none
  OnFullQueue on_full = OnFullQueue::wait;
};

/// Connects to the daemon's socket at `path` and establishes a context of `scope`. Errors:
/// no_service (nobody there), security_violation (the daemon hung up at once), service_stopped or
/// the daemon's own code (no version in common), invalid_value (scope), comm_error; timeout and
/// cancelled by the limits.
[[nodiscard]] tl::expected<Greeted, ScardRv> greet_daemon(const std::string& path,
                                                          std::uint32_t scope,
                                                          AgreedVersion& agreed,
                                                          const GreetLimits& limits = {});

}  // namespace cardea
