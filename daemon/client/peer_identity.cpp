#include "daemon/client/peer_identity.hpp"

#include <unistd.h>

#include <array>
#include <climits>

namespace cardea {
namespace {

std::string program_of(pid_t pid) {
  std::array<char, PATH_MAX> target{};
  const std::string link = "/proc/" + std::to_string(pid) + "/exe";
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  if (length <= 0) return {};
  return log::escape({target.data(), static_cast<std::size_t>(length)});
}

}  // namespace

PeerIdentity identify(const PeerCredentials& peer) {
  const std::string program = program_of(peer.pid);
  const std::string pid = std::to_string(peer.pid);
  const std::string uid = std::to_string(peer.uid);
  return {(program.empty() ? "a program that has exited" : program) + " (pid " + pid + ", uid " +
              uid + ")",
          {{"CLIENT_PID", pid}, {"CLIENT_UID", uid}, {"CLIENT_EXE", program}}};
}

}  // namespace cardea
