#include "base/unix_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace cardea {
namespace {

tl::unexpected<Error> system_failure(const char* call, const std::string& path) {
  return failure(ScardRv::no_service,
                 std::string(call) + "(" + path + "): " + std::strerror(errno));
}

struct Address {
  sockaddr_un address{};
  socklen_t length = 0;
};

Address unix_address(const std::string& path) {
  Address result;
  result.address.sun_family = AF_UNIX;
  const std::size_t characters = std::min(path.size(), sizeof result.address.sun_path - 1);
  std::memcpy(result.address.sun_path, path.data(), characters);
  result.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + characters + 1);
  return result;
}

}  // namespace

Result<UniqueFd> listen_unix(const std::string& path, int backlog) {
  // Clients must never find a socket that does not listen yet: it gets its name at the end.
  const std::string unready = path + ".new";
  if (unready.size() >= sizeof(sockaddr_un::sun_path)) {
    return failure(ScardRv::no_service, "socket path is longer than 103 characters: " + path);
  }
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return system_failure("socket", path);
  const Address address = unix_address(unready);
  ::unlink(unready.c_str());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.address), address.length) != 0) {
    return system_failure("bind", path);
  }
  if (::chmod(unready.c_str(), 0666) != 0) return system_failure("chmod", path);
  if (::listen(fd.get(), backlog) != 0) return system_failure("listen", path);
  if (::rename(unready.c_str(), path.c_str()) != 0) return system_failure("rename", path);
  return fd;
}

Result<UniqueFd> connect_unix(const std::string& path, OnFullQueue on_full) {
  const int extra = on_full == OnFullQueue::fail ? SOCK_NONBLOCK : 0;
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | extra, 0));
  if (!fd) return system_failure("socket", path);
  const Address address = unix_address(path);
  int rc = 0;
  do {
    rc = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.address), address.length);
  } while (rc != 0 && errno == EINTR);
  if (rc != 0) return system_failure("connect", path);
  if (extra != 0 && ::fcntl(fd.get(), F_SETFL, 0) != 0) return system_failure("fcntl", path);
  return fd;
}

bool is_served(const std::string& path) {
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const Address address = unix_address(path);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address.address);
  return ::connect(fd.get(), generic, address.length) == 0 || errno == EAGAIN;
}

std::string unix_path(int fd) {
  sockaddr_un address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  const std::size_t offset = offsetof(sockaddr_un, sun_path);
  if (length <= offset) return {};
  return {address.sun_path, ::strnlen(address.sun_path, length - offset)};
}

Result<PeerCredentials> peer_credentials(int fd) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return system_failure("getsockopt", "SO_PEERCRED");
  }
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

}  // namespace cardea
