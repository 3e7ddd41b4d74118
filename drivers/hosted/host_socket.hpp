// Messages on the sockets between daemon, keeper and hosts: SOCK_SEQPACKET, so that a message is
// whole or not there, and descriptors with them. Blocking. Thread-safe; one thread at a time reads
// from a socket if answers are to be told apart.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace cardea {

/// Two connected ends, close-on-exec.
struct SocketPair {
  UniqueFd ours;
  UniqueFd theirs;

  /// Errors (no_memory): no descriptor is left.
  static Result<SocketPair> create();
};

inline constexpr std::size_t kMessageFdsMax = 2;
using MessageFds = std::array<UniqueFd, kMessageFdsMax>;

/// False if the other end is gone, or does not read within the socket's time.
bool send_message(int fd, std::span<const std::byte> header, std::span<const std::byte> payload,
                  std::span<const int> fds = {});

/// The first wait of receive_message() with a deadline lasts so long; only who waits longer pays
/// for looking at the clock. To be set on sockets whose answers have deadlines.
void set_first_wait(int fd, milliseconds wait);

enum class Received {
  message,
  late,       ///< nothing until the deadline
  closed,     ///< the other end is gone
  malformed,  ///< longer than there is room for, or descriptors that nobody asked for
};

struct Incoming {
  Received what = Received::closed;
  std::size_t bytes = 0;  ///< header and payload
};

/// Waits without limit, and takes up to kMessageFdsMax descriptors into `fds`.
Incoming receive_message(int fd, std::span<std::byte> header, std::span<std::byte> payload,
                         MessageFds& fds);
/// Waits until `deadline`; takes no descriptors.
Incoming receive_message(int fd, std::span<std::byte> header, std::span<std::byte> payload,
                         TimePoint deadline);

}  // namespace cardea
