#include "daemon/auth/peer_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <sstream>

// Newer than the headers of some systems we are built on.
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

namespace cardea::auth {
namespace {

/// More than the kernel allows a process (NGROUPS_MAX) is never there.
constexpr std::size_t kGroupsMax = 65'536;
constexpr std::size_t kStatBytesMax = 4'096;
/// Field of /proc/PID/stat, counted from the one behind the program's name.
constexpr int kStartTimeField = 20;

struct FreeString {
  char* text = nullptr;
  FreeString() = default;
  ~FreeString() { std::free(text); }
  FreeString(const FreeString&) = delete;
  FreeString& operator=(const FreeString&) = delete;
};

}  // namespace

UniqueFd peer_pidfd(int socket) {
  int fd = -1;
  socklen_t length = sizeof fd;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &fd, &length) != 0) return {};
  return UniqueFd(fd);
}

bool has_exited(const UniqueFd& pidfd) {
  pollfd process{pidfd.get(), POLLIN, 0};
  return ::poll(&process, 1, 0) > 0 && (process.revents & POLLIN) != 0;
}

std::vector<gid_t> peer_groups(int socket, gid_t primary) {
  std::vector<gid_t> groups(32);
  auto bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  int result = ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes);
  if (result != 0 && errno == ERANGE && bytes <= kGroupsMax * sizeof(gid_t)) {
    groups.resize(bytes / sizeof(gid_t));
    result = ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes);
  }
  groups.resize(result == 0 ? bytes / sizeof(gid_t) : 0);
  groups.push_back(primary);
  return groups;
}

std::optional<std::uint64_t> parse_start_time(const std::string& stat) {
  // The program's name stands in parentheses and may hold anything, parentheses too.
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string field;
  for (int i = 0; i < kStartTimeField; ++i) {
    if (!(fields >> field)) return std::nullopt;
  }
  char* end = nullptr;
  const std::uint64_t ticks = std::strtoull(field.c_str(), &end, 10);
  return *end == '\0' ? std::optional(ticks) : std::nullopt;
}

std::optional<std::uint64_t> start_time(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::array<char, kStatBytesMax> text{};
  const ssize_t length = ::read(file.get(), text.data(), text.size());
  if (length <= 0) return std::nullopt;
  return parse_start_time({text.data(), static_cast<std::size_t>(length)});
}

std::string session_state(pid_t pid, uid_t uid) {
  if (::access("/run/systemd/seats", F_OK) != 0) return "unknown (no logind)";
  FreeString session;
  if (pid > 0 && ::sd_pid_get_session(pid, &session.text) >= 0) {
    if (::sd_session_is_remote(session.text) > 0) return "remote";
    return ::sd_session_is_active(session.text) > 0 ? "active" : "inactive";
  }
  // A service of the user's own manager belongs to no session; polkit takes the user's instead.
  FreeString state;
  if (::sd_uid_get_state(uid, &state.text) < 0) return "none";
  const std::string user(state.text);
  if (user == "active") return "active";
  return user == "online" ? "inactive" : "none";
}

}  // namespace cardea::auth
