#include "drivers/hosted/host_socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

namespace cardea {
namespace {

struct FdRoom {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMessageFdsMax * sizeof(int))> bytes{};
};

std::array<iovec, 2> parts_of(std::span<std::byte> header, std::span<std::byte> payload) {
  return {iovec{header.data(), header.size()}, iovec{payload.data(), payload.size()}};
}

void attach(msghdr& message, FdRoom& room, std::span<const int> fds) {
  message.msg_control = room.bytes.data();
  message.msg_controllen = CMSG_SPACE(fds.size_bytes());
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(fds.size_bytes());
  std::memcpy(CMSG_DATA(part), fds.data(), fds.size_bytes());
}

/// Owns all that came, wherever it goes.
void take_fds(msghdr& message, MessageFds& fds) {
  std::size_t count = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t came = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < came; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      UniqueFd owned(fd);
      if (count < fds.size()) fds.at(count++) = std::move(owned);
    }
  }
}

Incoming judge(ssize_t got, int flags) {
  if (got == 0) return {Received::closed, 0};
  if (got > 0) {
    const bool cut = (flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    return {cut ? Received::malformed : Received::message, static_cast<std::size_t>(got)};
  }
  const bool nothing = errno == EAGAIN || errno == EWOULDBLOCK;
  return {nothing ? Received::late : Received::closed, 0};
}

Incoming receive(int fd, std::span<std::byte> header, std::span<std::byte> payload, int how,
                 MessageFds* fds) {
  auto parts = parts_of(header, payload);
  for (;;) {
    FdRoom room;
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    if (fds != nullptr) {
      message.msg_control = room.bytes.data();
      message.msg_controllen = room.bytes.size();
    }
    const ssize_t got = ::recvmsg(fd, &message, how | MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    const Incoming incoming = judge(got, message.msg_flags);
    if (got > 0 && fds != nullptr) take_fds(message, *fds);
    return incoming;
  }
}

}  // namespace

Result<SocketPair> SocketPair::create() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return failure(ScardRv::no_memory,
                   std::string("cannot connect to a driver's process: ") + std::strerror(errno));
  }
  return SocketPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool send_message(int fd, std::span<const std::byte> header, std::span<const std::byte> payload,
                  std::span<const int> fds) {
  const auto plain = [](std::span<const std::byte> bytes) {
    return std::span<std::byte>(const_cast<std::byte*>(bytes.data()), bytes.size());
  };
  auto parts = parts_of(plain(header), plain(payload));
  FdRoom room;
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (!fds.empty()) attach(message, room, fds.first(std::min(fds.size(), kMessageFdsMax)));
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

void set_first_wait(int fd, milliseconds wait) {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(wait);
  const auto rest = std::chrono::duration_cast<std::chrono::microseconds>(wait - whole);
  const timeval time{whole.count(), rest.count()};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
}

Incoming receive_message(int fd, std::span<std::byte> header, std::span<std::byte> payload,
                         MessageFds& fds) {
  return receive(fd, header, payload, 0, &fds);
}

Incoming receive_message(int fd, std::span<std::byte> header, std::span<std::byte> payload,
                         TimePoint deadline) {
  Incoming incoming = receive(fd, header, payload, 0, nullptr);
  while (incoming.what == Received::late) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    if (left <= milliseconds::zero()) return incoming;
    pollfd ready{fd, POLLIN, 0};
    const auto most = std::min<milliseconds::rep>(left.count(), std::numeric_limits<int>::max());
    (void)::poll(&ready, 1, static_cast<int>(most));
    incoming = receive(fd, header, payload, MSG_DONTWAIT, nullptr);
  }
  return incoming;
}

}  // namespace cardea
