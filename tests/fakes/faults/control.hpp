// What a test tells the faults library, in a file both have mapped: which calls fail, how, and what
// the clocks show. tests/system/harness/faults.py writes it and names the fields by their order.
// Every field is an atomic of 64 bits, so that neither side needs a lock.
#pragma once

#include <atomic>
#include <cstdint>

namespace cardea::faults {

/// What can fail; the order is known to faults.py. What the kernel never refuses for a descriptor
/// that is right does not fail here either: events and timers (eventfd, timerfd), EPOLL_CTL_MOD and
/// EPOLL_CTL_DEL, timerfd_settime.
enum class Kind : std::uint64_t {
  memory,      ///< malloc, calloc, realloc, and so operator new
  read,        ///< read, recv, recvmsg
  write,       ///< write, send, sendto, sendmsg, writev
  epoll_ctl,   ///< epoll_ctl, EPOLL_CTL_ADD
  epoll_wait,  ///< epoll_wait
  accept,      ///< accept4
  thread,      ///< pthread_create
  process,     ///< fork, posix_spawn
  open,        ///< open, socket, eventfd, timerfd_create, epoll_create1, timer_create
  poll,        ///< poll, ppoll
  connect,     ///< connect
};

struct Control {
  std::atomic<std::uint64_t> kinds;        ///< bit 1 << Kind: this kind fails
  std::atomic<std::uint64_t> error;        ///< errno of what fails
  std::atomic<std::uint64_t> skip;         ///< so many calls pass,
  std::atomic<std::uint64_t> count;        ///< then so many fail
  std::atomic<std::uint64_t> per_million;  ///< not 0: instead so many calls in a million fail
  std::atomic<std::uint64_t> seed;         ///< chosen by this
  std::atomic<std::uint64_t> seen;         ///< calls of these kinds so far
  std::atomic<std::uint64_t> failed;       ///< of them failed
  std::atomic<std::uint64_t> everywhere;   ///< not 0: calls of all libraries, not only of ours
  std::atomic<std::int64_t> realtime_s;    ///< added to CLOCK_REALTIME
  std::atomic<std::int64_t> boottime_s;    ///< added to CLOCK_BOOTTIME
  std::atomic<std::uint64_t> wall_waits;   ///< waits that followed CLOCK_REALTIME
};

}  // namespace cardea::faults
