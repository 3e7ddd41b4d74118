#include "daemon/control/control_connection.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace cardea {

bool ControlConnection::receive(TimePoint now) {
  std::array<char, kControlRequestBytesMax> buffer{};
  const ssize_t received = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (received < 0) return errno == EINTR || errno == EAGAIN;
  if (received == 0) return false;
  silent_since_ = now;
  input_.append(buffer.data(), static_cast<std::size_t>(received));
  return true;
}

std::optional<std::string> ControlConnection::next_line() {
  if (has_output() || finishing_) return std::nullopt;
  const std::size_t end = input_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = input_.substr(0, end);
  input_.erase(0, end + 1);
  return line;
}

void ControlConnection::event(const std::string& line) {
  if (output_.size() + line.size() > kStreamBytesMax) {
    ++lost_;
    return;
  }
  // What was lost is said where it is missing.
  if (lost_ > 0) output_ += lost_json(std::exchange(lost_, 0));
  output_ += line;
}

bool ControlConnection::flush() {
  while (!output_.empty()) {
    const ssize_t sent =
        ::send(fd_.get(), output_.data(), output_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN;
    output_.erase(0, static_cast<std::size_t>(sent));
    if (output_.empty() && lost_ > 0) output_ = lost_json(std::exchange(lost_, 0));
  }
  return true;
}

}  // namespace cardea
