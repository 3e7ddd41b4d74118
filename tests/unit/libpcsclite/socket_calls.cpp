// Counts the library's socket calls: the linker's --wrap leads its sendmsg and recvmsg here.
#include <sys/socket.h>

#include "client_test.hpp"

namespace cardea::test {
namespace {
thread_local SocketCalls g_calls;
}  // namespace

SocketCalls socket_calls() { return g_calls; }

}  // namespace cardea::test

extern "C" {
ssize_t __real_sendmsg(int fd, const msghdr* message, int flags);
ssize_t __real_recvmsg(int fd, msghdr* message, int flags);
ssize_t __wrap_sendmsg(int fd, const msghdr* message, int flags);
ssize_t __wrap_recvmsg(int fd, msghdr* message, int flags);

ssize_t __wrap_sendmsg(int fd, const msghdr* message, int flags) {
  ++cardea::test::g_calls.sends;
  return __real_sendmsg(fd, message, flags);
}

ssize_t __wrap_recvmsg(int fd, msghdr* message, int flags) {
  ++cardea::test::g_calls.receives;
  return __real_recvmsg(fd, message, flags);
}
}
