#include "daemon/auth/peer_identity.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "base/unique_fd.hpp"
#include "daemon/auth/peer_process.hpp"

namespace cardea {
namespace {

std::string path_of(pid_t pid, const char* what) {
  return "/proc/" + std::to_string(pid) + "/" + what;
}

/// Its file; empty if it has exited, or belongs to another user and we are not root.
std::string program_of(pid_t pid) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink(path_of(pid, "exe").c_str(), target.data(), target.size());
  if (length <= 0) return {};
  return log::escape({target.data(), static_cast<std::size_t>(length)});
}

/// The name it has given itself, which everybody may read.
std::string name_of(pid_t pid) {
  constexpr std::size_t kNameBytesMax = 64;
  const UniqueFd file(::open(path_of(pid, "comm").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, kNameBytesMax> name{};
  const ssize_t length = file ? ::read(file.get(), name.data(), name.size()) : -1;
  if (length <= 1) return {};
  return log::escape({name.data(), static_cast<std::size_t>(length - 1)});  // without the line end
}

}  // namespace

PeerIdentity identify(const PeerCredentials& peer, const UniqueFd& pidfd) {
  std::string program = program_of(peer.pid);
  std::string name = name_of(peer.pid);
  auto sandbox = auth::read_sandbox(peer.pid).value_or(auth::Sandbox{});
  if (pidfd && auth::has_exited(pidfd)) {
    program.clear();
    name.clear();
    sandbox = {};
  }
  const std::string pid = std::to_string(peer.pid);
  const std::string uid = std::to_string(peer.uid);
  std::string shown = "a program that has exited";
  if (!name.empty()) shown = "\"" + name + "\"";
  if (!program.empty()) shown = program;
  PeerIdentity who{shown + " (pid " + pid + ", uid " + uid,
                   {{"CLIENT_PID", pid},
                    {"CLIENT_UID", uid},
                    {"CLIENT_EXE", program.empty() ? name : program},
                    {"CLIENT_NAME", name}},
                   sandbox};
  if (sandbox.kind != auth::SandboxKind::none) {
    const std::string app = log::escape(sandbox.app);
    who.text += std::string(", ") + auth::to_string(sandbox.kind) + " " + app;
    who.fields.emplace_back("CLIENT_SANDBOX", auth::to_string(sandbox.kind));
    who.fields.emplace_back("CLIENT_APP_ID", app);
  }
  who.text += ")";
  return who;
}

}  // namespace cardea
