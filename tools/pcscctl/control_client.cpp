#include "tools/pcscctl/control_client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/unix_socket.hpp"
#include "protocol/codec.hpp"
#include "protocol/dialect.hpp"
#include "protocol/wire.hpp"

namespace cardea::ctl {
namespace {

constexpr int kControlVersion = 1;
/// For a daemon that is being started to answer its first client.
constexpr int kWakeUpMs = 20'000;
/// A status of 10 000 clients takes about 3 MB.
constexpr std::size_t kLineBytesMax = 64 * 1024 * 1024;

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// Greets as a program would, and waits for the answer: then the daemon is up.
bool wake_daemon(const std::string& socket) {
  const auto fd = connect_unix(socket, OnFullQueue::fail);
  if (!fd) return false;
  struct {
    wire::Header header;
    wire::Version version;
  } request{{sizeof(wire::Version), static_cast<std::uint32_t>(wire::Command::version)},
            {wire::kMajor, wire::kMinorNewest, 0}};
  const auto bytes = std::as_bytes(std::span(&request, 1));
  if (!send_all(fd->get(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()})) {
    return false;
  }
  pollfd entry{fd->get(), POLLIN, 0};
  return ::poll(&entry, 1, kWakeUpMs) == 1 && (entry.revents & POLLIN) != 0;
}

}  // namespace

std::string default_socket() {
  const char* name = ::secure_getenv("PCSCLITE_CSOCK_NAME");
  return name != nullptr && *name != '\0' ? name : "/run/pcscd/pcscd.comm";
}

std::string control_path(const std::string& socket) {
  static constexpr std::string_view kSuffix = ".comm";
  std::string path = socket;
  if (path.ends_with(kSuffix)) path.resize(path.size() - kSuffix.size());
  return path + ".control";
}

Result<ControlClient> ControlClient::connect(const std::string& socket) {
  const std::string path = control_path(socket);
  auto fd = connect_unix(path);
  if (fd) return ControlClient(std::move(*fd));
  const bool served = wake_daemon(socket);
  fd = connect_unix(path);
  if (fd) return ControlClient(std::move(*fd));
  if (served) {
    return failure(ScardRv::no_service,
                   "a pcscd answers at " + socket + ", but not at the control socket " + path +
                       ". It is not Cardea's; or a sandbox or ssh forwards the first socket only. "
                       "Try: pcscctl doctor");
  }
  return failure(ScardRv::no_service, "no pcscd answers at " + socket + ". Try: pcscctl doctor");
}

Result<void> ControlClient::ask(const nlohmann::json& request) {
  nlohmann::json full = request;
  full["cardea-control"] = kControlVersion;
  const std::string line =
      full.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
  if (send_all(fd_.get(), line)) return {};
  return failure(ScardRv::no_service, "the daemon has closed the control connection");
}

Result<std::optional<std::string>> ControlClient::next() {
  for (;;) {
    if (const std::size_t end = input_.find('\n'); end != std::string::npos) {
      std::string line = input_.substr(0, end);
      input_.erase(0, end + 1);
      const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (!json.is_object()) return failure(ScardRv::comm_error, "the daemon's answer is no JSON");
      if (const auto text = json.find("text"); json.contains("error") && text != json.end()) {
        const bool refused = json["error"] == "not-allowed";
        return failure(refused ? ScardRv::security_violation : ScardRv::invalid_parameter,
                       text->is_string() ? text->get<std::string>() : "refused");
      }
      return line;
    }
    if (input_.size() > kLineBytesMax) {
      return failure(ScardRv::comm_error, "the daemon's answer does not end");
    }
    std::array<char, 65'536> buffer{};
    const ssize_t received = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return std::optional<std::string>{};
    input_.append(buffer.data(), static_cast<std::size_t>(received));
  }
}

}  // namespace cardea::ctl
