#include "libpcsclite/server_link.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace cardea {
namespace {

/// Room for one read: holds the fixed array of 16 slots and what is asked along with it.
constexpr std::size_t kReadAheadBytes = 4096;
/// And for a larger array this much for what comes before and behind it.
constexpr std::size_t kBesidesArrayBytes = 64;

/// Drops the first `bytes` of the parts.
std::span<iovec> drop_front(std::span<iovec> parts, std::size_t bytes) {
  while (!parts.empty() && bytes >= parts.front().iov_len) {
    bytes -= parts.front().iov_len;
    parts = parts.subspan(1);
  }
  if (!parts.empty()) {
    parts.front().iov_base = static_cast<std::byte*>(parts.front().iov_base) + bytes;
    parts.front().iov_len -= bytes;
  }
  return parts;
}

timespec until(TimePoint deadline) {
  const auto left = std::max(deadline - Clock::now(), Duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  timespec result{};
  result.tv_sec = seconds.count();
  result.tv_nsec = std::chrono::nanoseconds(left - seconds).count();
  return result;
}

}  // namespace

iovec ServerLink::part_of(std::span<const std::byte> bytes) noexcept {
  // iovec serves reads too and has no const; sendmsg only reads.
  return iovec{const_cast<std::byte*>(bytes.data()), bytes.size()};
}

void ServerLink::close() noexcept {
  fd_.reset();
  begin_ = end_ = owed_bytes_ = 0;
  owes_sized_array_ = false;
}

void ServerLink::limit_reads(Deadline deadline, int wake_fd) noexcept {
  read_limit_ = deadline;
  wake_fd_ = wake_fd;
}

ScardRv ServerLink::give_up() noexcept {
  close();
  return ScardRv::comm_error;
}

// sendmsg and recvmsg, not send and recv: a program may well export functions of those short
// names, and they would be called instead of libc's.
ScardRv ServerLink::send(std::span<iovec> parts) {
  if (!fd_) return ScardRv::no_service;
  // What an earlier answer still owes may be partly buffered; anything else is out of step.
  if (begin_ != end_ && owed_bytes_ == 0 && !owes_sized_array_) return give_up();
  parts = drop_front(parts, 0);
  while (!parts.empty()) {
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      // COMPAT: pcsc-lite says NO_SERVICE when a refusing daemon closed before the first request
      // and SECURITY_VIOLATION when it closed after it; here both are the refusal they are.
      const bool refused = !answered_ && (errno == EPIPE || errno == ECONNRESET);
      close();
      return refused ? ScardRv::security_violation : ScardRv::no_service;
    }
    parts = drop_front(parts, static_cast<std::size_t>(sent));
  }
  return ScardRv::success;
}

ScardRv ServerLink::receive_some(std::span<iovec> parts, Deadline deadline, std::size_t& received) {
  if (!fd_) return ScardRv::no_service;
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (!deadline) deadline = read_limit_;
  const bool waits = deadline || wake_fd_ >= 0;
  for (;;) {
    if (waits) {
      const ScardRv rv = wait_readable(deadline, wake_fd_);
      if (rv == ScardRv::comm_error) return give_up();  // the answer must not meet the next request
      if (rv != ScardRv::success) return rv;
    }
    const ssize_t got = ::recvmsg(fd_.get(), &message, waits ? MSG_DONTWAIT : 0);
    if (got > 0) {
      answered_ = true;
      received = static_cast<std::size_t>(got);
      return ScardRv::success;
    }
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    // A reset means that a request was left unread: by a daemon that refuses its client, or, once
    // it has answered, by one that has died.
    const bool unread = got < 0 && errno == ECONNRESET;
    const bool refused = unread && !answered_;
    close();
    if (refused) return ScardRv::security_violation;
    return unread ? ScardRv::no_service : ScardRv::comm_error;
  }
}

ScardRv ServerLink::receive(std::span<std::byte> message, std::span<std::byte> room,
                            std::size_t& extra) {
  if (const ScardRv rv = settle(std::nullopt); rv != ScardRv::success) return rv;
  if (begin_ != end_) return give_up();
  std::size_t have = 0;
  while (have < message.size()) {
    const auto rest = message.subspan(have);
    std::array parts{iovec{rest.data(), rest.size()}, iovec{room.data(), room.size()}};
    std::size_t received = 0;
    const ScardRv rv = receive_some(parts, std::nullopt, received);
    if (rv != ScardRv::success) return rv;
    have += received;
  }
  extra = have - message.size();
  return ScardRv::success;
}

ScardRv ServerLink::receive_rest(std::span<std::byte> room, std::size_t have,
                                 std::size_t expected) {
  if (expected > room.size() || have > expected) return give_up();
  while (have < expected) {
    const auto rest = room.subspan(have, expected - have);
    iovec part{rest.data(), rest.size()};
    std::size_t received = 0;
    const ScardRv rv = receive_some(std::span(&part, 1), std::nullopt, received);
    if (rv != ScardRv::success) return rv;
    have += received;
  }
  return ScardRv::success;
}

ScardRv ServerLink::fill(std::size_t bytes, std::size_t capacity, Deadline deadline) {
  while (end_ - begin_ < bytes) {
    if (begin_ != 0) {
      std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
      end_ -= begin_;
      begin_ = 0;
    }
    if (buffer_.size() < capacity) buffer_.resize(capacity);
    iovec part{buffer_.data() + end_, capacity - end_};
    std::size_t received = 0;
    const ScardRv rv = receive_some(std::span(&part, 1), deadline, received);
    if (rv != ScardRv::success) return rv;
    end_ += received;
  }
  return ScardRv::success;
}

ScardRv ServerLink::need(std::size_t bytes, Deadline deadline) {
  const std::size_t capacity =
      std::max({bytes + kBesidesArrayBytes, buffer_.size(), kReadAheadBytes});
  return fill(bytes, capacity, deadline);
}

std::span<const std::byte> ServerLink::buffered() const noexcept {
  return std::span(buffer_).subspan(begin_, end_ - begin_);
}

void ServerLink::consume(std::size_t bytes) noexcept {
  begin_ += bytes;
  if (begin_ == end_) begin_ = end_ = 0;
}

ScardRv ServerLink::wait_readable(Deadline deadline, int wake_fd) const {
  if (!fd_) return ScardRv::no_service;
  std::array<pollfd, 2> polled{pollfd{fd_.get(), POLLIN, 0}, pollfd{wake_fd, POLLIN, 0}};
  for (;;) {
    timespec left{};
    if (deadline) left = until(*deadline);
    const int ready = ::ppoll(polled.data(), polled.size(), deadline ? &left : nullptr, nullptr);
    if (ready < 0 && errno != EINTR) return ScardRv::comm_error;
    // A hang-up counts as readable: the read then tells what happened.
    if (ready > 0) return polled[0].revents != 0 ? ScardRv::success : ScardRv::cancelled;
    if (deadline && Clock::now() >= *deadline) return ScardRv::timeout;
  }
}

void ServerLink::owe(bool sized_array, std::size_t bytes) noexcept {
  owes_sized_array_ = sized_array;
  owed_bytes_ = bytes;
}

ScardRv ServerLink::settle(Deadline deadline) {
  // Reads exactly what is owed, so that the answer behind it stays in the socket.
  if (owes_sized_array_) {
    const ScardRv rv = fill(sizeof(wire::StateSize), sizeof(wire::StateSize), deadline);
    if (rv != ScardRv::success) return rv;
    const auto size = wire::decode<wire::StateSize>(buffered());
    if (size.count < 0 || size.count > kReaderSlotsMax) return give_up();
    consume(sizeof size);
    owes_sized_array_ = false;
    owed_bytes_ += sizeof(wire::ReaderState) * static_cast<std::size_t>(size.count);
  }
  while (owed_bytes_ > 0) {
    const std::size_t step = std::min(owed_bytes_, kReadAheadBytes);
    const ScardRv rv = fill(1, std::max(step, end_ - begin_), deadline);
    if (rv != ScardRv::success) return rv;
    const std::size_t dropped = std::min(owed_bytes_, end_ - begin_);
    consume(dropped);
    owed_bytes_ -= dropped;
  }
  return ScardRv::success;
}

}  // namespace cardea
