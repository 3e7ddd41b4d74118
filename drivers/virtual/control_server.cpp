#include "drivers/virtual/control_server.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "drivers/virtual/device_name.hpp"
#include "drivers/virtual/driver_log.hpp"
#include "drivers/virtual/driver_thread.hpp"

namespace cardea::virtual_reader {
namespace {

constexpr int kBacklog = 8;
/// After a failed accept(), e.g. for lack of descriptors, which would fail again at once.
constexpr int kAcceptPauseMs = 1'000;
constexpr mode_t kSocketMode = 0600;

tl::unexpected<Error> path_failure(const std::string& path, const std::string& problem) {
  return failure(ScardRv::internal_error, "control socket " + path + ": " + problem);
}

tl::unexpected<Error> system_failure(const std::string& path, const char* call) {
  return path_failure(path, std::string(call) + ": " + std::strerror(errno));
}

Result<UniqueFd> new_socket(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return system_failure(path, "socket");
  return fd;
}

sockaddr_un address_of(const std::string& path) {
  static_assert(sizeof(sockaddr_un::sun_path) == kSocketPathBytesMax + 1);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), kSocketPathBytesMax));
  return address;
}

/// Removes a socket file that a dead process left behind; fails if somebody listens on it.
Result<void> clear_the_way(const std::string& path, const sockaddr_un& address) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return system_failure(path, "stat");
  }
  if (!S_ISSOCK(found.st_mode)) return path_failure(path, "exists and is not a socket");
  Result<UniqueFd> probe = new_socket(path);
  if (!probe) return tl::make_unexpected(probe.error());
  if (::connect(probe->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno != ECONNREFUSED) {
    return path_failure(path, "is in use");
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_failure(path, "unlink");
  return {};
}

Result<UniqueFd> listen_private(const std::string& path) {
  if (path.size() > kSocketPathBytesMax) return path_failure(path, "is too long");
  const sockaddr_un address = address_of(path);
  Result<void> clear = clear_the_way(path, address);
  if (!clear) return tl::make_unexpected(clear.error());
  Result<UniqueFd> fd = new_socket(path);
  if (!fd) return fd;
  // Before bind(): the file then never exists with a wider mode.
  if (::fchmod(fd->get(), kSocketMode) != 0) return system_failure(path, "fchmod");
  if (::bind(fd->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return system_failure(path, "bind");
  }
  if (::listen(fd->get(), kBacklog) != 0) return system_failure(path, "listen");
  return fd;
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::create(const std::string& path,
                                                             Execute execute) {
  Result<WakeEvent> stop = WakeEvent::create();
  if (!stop) return tl::make_unexpected(stop.error());
  Result<UniqueFd> listener = listen_private(path);
  if (!listener) return tl::make_unexpected(listener.error());
  std::unique_ptr<ControlServer> server(
      new ControlServer(path, std::move(execute), std::move(*listener), std::move(*stop)));
  server->thread_ = start_driver_thread("virtual-control", [raw = server.get()] { raw->run(); });
  return server;
}

ControlServer::ControlServer(std::string path, Execute execute, UniqueFd listener, WakeEvent stop)
    : path_(std::move(path)),
      execute_(std::move(execute)),
      listener_(std::move(listener)),
      stop_(std::move(stop)) {
  (void)::lstat(path_.c_str(), &created_);  // on failure nothing will match, nothing is removed
}

ControlServer::~ControlServer() {
  stop_.signal();
  if (thread_.joinable()) thread_.join();
  struct stat found {};
  if (::lstat(path_.c_str(), &found) == 0 && same_file(found, created_)) ::unlink(path_.c_str());
}

void ControlServer::run() {
  std::vector<pollfd> entries;
  while (true) {
    entries.clear();
    entries.push_back({stop_.fd(), POLLIN, 0});
    for (const Client& client : clients_) entries.push_back({client.fd.get(), POLLIN, 0});
    // A full house leaves newcomers in the queue until somebody goes.
    if (clients_.size() < kClientsMax) entries.push_back({listener_.get(), POLLIN, 0});
    if (::poll(entries.data(), entries.size(), -1) < 0) continue;  // EINTR
    if (entries[0].revents != 0) return;
    const bool has_newcomer = clients_.size() < kClientsMax && entries.back().revents != 0;
    for (std::size_t i = clients_.size(); i > 0; --i) {
      if (entries[i].revents != 0 && !serve(clients_[i - 1])) {
        clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(i - 1));
      }
    }
    if (has_newcomer && !accept_client() && stop_.wait(kAcceptPauseMs)) return;
  }
}

bool ControlServer::accept_client() {
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (fd) {
    clients_.push_back({std::move(fd), {}});
    return true;
  }
  if (errno == EINTR || errno == EAGAIN || errno == ECONNABORTED) return true;
  log_line(PCSC_LOG_ERROR, std::string("control socket: accept: ") + std::strerror(errno));
  return false;
}

/// False: the client is gone or not worth keeping.
bool ControlServer::serve(Client& client) {
  std::array<char, kLineBytesMax> buffer{};
  const ssize_t received = ::recv(client.fd.get(), buffer.data(), buffer.size(), 0);
  if (received < 0) return errno == EINTR || errno == EAGAIN;
  if (received == 0) return false;
  client.input.append(buffer.data(), static_cast<std::size_t>(received));
  return answer_lines(client);
}

bool ControlServer::answer_lines(Client& client) {
  std::size_t start = 0;
  for (std::size_t end = client.input.find('\n'); end != std::string::npos;
       end = client.input.find('\n', start)) {
    const std::string_view line = std::string_view(client.input).substr(start, end - start);
    if (line.size() > kLineBytesMax) break;
    if (!send_answer(client, execute_(line))) return false;
    start = end + 1;
  }
  client.input.erase(0, start);
  if (client.input.size() <= kLineBytesMax) return true;
  (void)send_answer(client, "error line is longer than 256 characters\n");  // it leaves anyway
  return false;
}

bool ControlServer::send_answer(const Client& client, std::string_view answer) {
  // The longest answer fits into the socket's buffer many times over: a client for which there is
  // no room has not read the answers before.
  const ssize_t sent = ::send(client.fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(answer.size());
}

}  // namespace cardea::virtual_reader
