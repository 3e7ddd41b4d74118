// umockdev ends the whole test bed when a program that listens for uevents closes its socket
// between umockdev's connect() and its sendmsg(). Processes of drivers come and go, so this
// happens. Here such an event counts as sent: nobody is there any more who would miss it. The
// linker has libumockdev call this instead of the C library's function. Any thread.
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace {

ssize_t length_of(const msghdr& message) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) bytes += message.msg_iov[i].iov_len;
  return static_cast<ssize_t>(bytes);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) ssize_t sendmsg(int fd, const msghdr* message,
                                                                  int flags) {
  const long sent = ::syscall(SYS_sendmsg, fd, message, flags);
  if (sent < 0 && (errno == ECONNREFUSED || errno == ECONNRESET)) return length_of(*message);
  return sent;
}
