// For LD_PRELOAD, before umockdev's library. That gives each listener for uevents a socket whose
// path tells its descriptor, so a second process with a descriptor of the same number takes the
// first one's place, and the first hears nothing more. Here the path is made to tell the process
// as well. Any thread.
#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

extern "C" __attribute__((visibility("default"))) int bind(int fd, const sockaddr* address,
                                                           socklen_t length) {
  using Bind = int (*)(int, const sockaddr*, socklen_t);
  const auto next = reinterpret_cast<Bind>(::dlsym(RTLD_NEXT, "bind"));
  const int bound = next(fd, address, length);
  const char* root = std::getenv("UMOCKDEV_DIR");
  if (bound != 0 || root == nullptr || address->sa_family != AF_NETLINK) return bound;
  const std::string given = root + ("/event" + std::to_string(fd));
  (void)std::rename(given.c_str(), (given + "-" + std::to_string(::getpid())).c_str());
  return bound;
}
