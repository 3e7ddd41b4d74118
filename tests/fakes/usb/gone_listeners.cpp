// umockdev ends the whole test bed when the socket of a program that listens for uevents is gone
// when it comes to its connect() or its sendmsg(). Processes of drivers come and go, so this
// happens. Here such an event counts as sent: nobody is there any more who would miss it, or it is
// somebody who has yet to look for devices. The linker has libumockdev call this instead of the C
// library's functions. Any thread.
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace {

bool is_gone(int error) {
  return error == ECONNREFUSED || error == ECONNRESET || error == ENOENT || error == ENOTCONN;
}

ssize_t length_of(const msghdr& message) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) bytes += message.msg_iov[i].iov_len;
  return static_cast<ssize_t>(bytes);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int connect(int fd, const sockaddr* address,
                                                              socklen_t length) {
  const long connected = ::syscall(SYS_connect, fd, address, length);
  // umockdev removes the socket of one that refuses; one without a path it does not expect.
  if (connected < 0 && errno == ENOENT && address->sa_family == AF_UNIX) return 0;
  return static_cast<int>(connected);
}

extern "C" __attribute__((visibility("default"))) ssize_t sendmsg(int fd, const msghdr* message,
                                                                  int flags) {
  const long sent = ::syscall(SYS_sendmsg, fd, message, flags);
  if (sent < 0 && is_gone(errno)) return length_of(*message);
  return sent;
}
