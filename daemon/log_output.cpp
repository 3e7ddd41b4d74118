#include "daemon/log_output.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace cardea {

namespace {

UniqueFd own_terminal(int fd) {
  if (::isatty(fd) != 1) return UniqueFd{};
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

}  // namespace

LogDescriptor::LogDescriptor(int fd)
    : terminal_(own_terminal(fd)), fd_(terminal_ ? terminal_.get() : fd) {}

bool LogDescriptor::has_room(milliseconds patience) const {
  pollfd entry{fd_, POLLOUT, 0};
  int ready = 0;
  do {
    ready = ::poll(&entry, 1, static_cast<int>(patience.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready > 0) return true;  // room, or an error that the write reports
  errno = EAGAIN;
  return false;
}

bool LogDescriptor::write_all(std::string_view bytes, std::size_t& written) {
  const milliseconds patience = stuck_ ? milliseconds::zero() : kPatience;
  while (!bytes.empty()) {
    // A pipe with room takes so much without waiting for its reader.
    const std::size_t piece = std::min<std::size_t>(bytes.size(), PIPE_BUF);
    if (!has_room(patience)) return false;
    const ssize_t done = ::write(fd_, bytes.data(), piece);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    written += static_cast<std::size_t>(done);
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

bool LogDescriptor::write(std::string_view record) {
  std::size_t written = 0;
  if (torn_) {
    stuck_ = !write_all("\n", written);
    if (stuck_) return false;
    torn_ = false;
    written = 0;
  }
  stuck_ = !write_all(record, written);
  torn_ = stuck_ && written > 0;
  return !stuck_;
}

LogSocket::LogSocket(std::string path)
    : path_(std::move(path)), fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

bool LogSocket::send(std::string_view message) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return false;
  }
  path_.copy(address.sun_path, path_.size());
  ssize_t sent = 0;
  do {
    // The name is looked up each time: a service that was started anew has another socket there.
    sent = ::sendto(fd_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

}  // namespace cardea
