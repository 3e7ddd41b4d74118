// The epoll set all pool threads wait on. A descriptor that is armed reports once; who gets the
// event owns the descriptor's business until it arms it again. Thread-safe (the kernel's lock).
#pragma once

#include <sys/epoll.h>

#include <cstdint>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace cardea {

class Poller {
 public:
  struct Event {
    std::uint64_t token = 0;
    std::uint32_t events = 0;
  };

  static Result<Poller> create();

  /// Adds `fd`, armed for one event. `token` comes back with it. Fails where the kernel has no
  /// memory or no further watch for this user.
  Result<void> add(int fd, std::uint64_t token, std::uint32_t events);
  /// Arms for one event. 0 still reports a hang-up.
  void arm(int fd, std::uint64_t token, std::uint32_t events);
  /// Adds `fd` so that each new event wakes one thread, without arming.
  Result<void> add_edge_triggered(int fd, std::uint64_t token);
  void remove(int fd);

  /// Blocks for one event.
  Event wait();

 private:
  explicit Poller(UniqueFd epoll) : epoll_(std::move(epoll)) {}
  UniqueFd epoll_;
};

}  // namespace cardea
