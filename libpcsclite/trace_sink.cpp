#include "libpcsclite/trace_sink.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/scope_exit.hpp"

namespace cardea {
namespace {

constexpr int kFirstFreeDescriptor = 3;  // 0 to 2 are the program's, even if it has closed them

Result<UniqueFd> path_error(const std::string& path, int error) {
  return failure(ScardRv::invalid_parameter, path + ": " + std::strerror(error));
}

Result<UniqueFd> connect_datagram(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return path_error(path, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return path_error(path, errno);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return path_error(path, errno);
  }
  return fd;
}

Result<UniqueFd> open_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(),
                     O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                     S_IRUSR | S_IWUSR));
  if (!fd) return path_error(path, errno);
  struct stat found {};
  if (::fstat(fd.get(), &found) != 0) return path_error(path, errno);
  // A pipe whose reader goes would end the program with SIGPIPE.
  if (!S_ISREG(found.st_mode) && !S_ISCHR(found.st_mode)) {
    return failure(ScardRv::invalid_parameter, path + ": neither a file nor a datagram socket");
  }
  return fd;
}

Result<UniqueFd> open_path(const std::string& path) {
  struct stat found {};
  const bool is_socket = ::stat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
  auto fd = is_socket ? connect_datagram(path) : open_file(path);
  if (!fd || fd->get() >= kFirstFreeDescriptor) return fd;
  UniqueFd moved(::fcntl(fd->get(), F_DUPFD_CLOEXEC, kFirstFreeDescriptor));
  if (!moved) return path_error(path, errno);
  return moved;
}

/// Programs change their directory.
std::string absolute(const std::string& path) {
  char directory[PATH_MAX];
  if (path.starts_with('/') || ::getcwd(directory, sizeof directory) == nullptr) return path;
  return std::string(directory) + '/' + path;
}

/// write() to a pipe without a reader, without the signal.
ssize_t write_quietly(int fd, std::string_view line) {
  sigset_t pipe_only;
  sigset_t before;
  sigset_t pending;
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  sigpending(&pending);
  const bool was_pending = sigismember(&pending, SIGPIPE) == 1;
  ::pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
  const ssize_t written = ::write(fd, line.data(), line.size());
  if (written < 0 && errno == EPIPE && !was_pending) {
    const timespec at_once{};
    while (::sigtimedwait(&pipe_only, nullptr, &at_once) < 0 && errno == EINTR) continue;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return written;
}

}  // namespace

TraceSink::TraceSink(std::string path, UniqueFd fd, bool borrowed)
    : path_(std::move(path)), borrowed_(borrowed), fd_(std::move(fd)) {
  (void)::fstat(fd_.get(), &identity_);
}

TraceSink::~TraceSink() {
  if (borrowed_) (void)fd_.release();
}

Result<std::unique_ptr<TraceSink>> TraceSink::to_path(const std::string& path) {
  std::string full = absolute(path);
  auto fd = open_path(full);
  if (!fd) return tl::make_unexpected(fd.error());
  return std::unique_ptr<TraceSink>(new TraceSink(std::move(full), std::move(*fd), false));
}

std::unique_ptr<TraceSink> TraceSink::to_stderr() {
  return std::unique_ptr<TraceSink>(new TraceSink("", UniqueFd(STDERR_FILENO), true));
}

/// True if the descriptor is (again) what we opened.
bool TraceSink::is_open() {
  if (borrowed_) return true;
  struct stat now {};
  if (fd_ && ::fstat(fd_.get(), &now) == 0 && now.st_dev == identity_.st_dev &&
      now.st_ino == identity_.st_ino) {
    return true;
  }
  (void)fd_.release();
  auto fd = open_path(path_);
  if (!fd) return false;
  fd_ = std::move(*fd);
  return ::fstat(fd_.get(), &identity_) == 0;
}

bool TraceSink::wait_for_room() {
  pollfd room{fd_.get(), POLLOUT, 0};
  const TimePoint end = Clock::now() + (behind_ ? milliseconds{0} : kTraceStallMax);
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(end - Clock::now());
    const int ready = ::poll(&room, 1, static_cast<int>(std::max(left, milliseconds{0}).count()));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

bool TraceSink::send(std::string_view line) {
  if (!wait_for_room()) return false;
  const bool is_socket = S_ISSOCK(identity_.st_mode);
  const ssize_t written = is_socket && !borrowed_ ? ::send(fd_.get(), line.data(), line.size(),
                                                           MSG_DONTWAIT | MSG_NOSIGNAL)
                                                  : write_quietly(fd_.get(), line);
  torn_ = written > 0 && static_cast<std::size_t>(written) < line.size();
  return written > 0 && !torn_;
}

void TraceSink::write(std::string_view record) {
  const int error = errno;
  const ScopeExit restore([error] { errno = error; });
  MutexLock guard(mutex_);
  std::string line = torn_ ? "\n" : "";
  line.append(record).append("\n");
  bool sent = is_open();
  if (sent && lost_ > 0) {
    sent = send("{\"event\":\"lost\",\"count\":" + std::to_string(lost_) + "}\n");
    if (sent) lost_ = 0;
  }
  sent = sent && send(line);
  if (!sent) ++lost_;
  behind_ = !sent;
}

}  // namespace cardea
