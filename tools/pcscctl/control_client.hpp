// The tool's side of the control socket: asks one question a connection and reads the answer, line
// by line. Blocks; main thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace cardea::ctl {

/// "/run/pcscd/pcscd.comm", or what $PCSCLITE_CSOCK_NAME says.
std::string default_socket();
/// The control socket beside the one for programs.
std::string control_path(const std::string& socket);

class ControlClient {
 public:
  /// Connects. If nobody listens at the control socket, a daemon that systemd starts on demand is
  /// woken by way of `socket`. Errors (no_service): the context says what is wrong and what helps.
  static Result<ControlClient> connect(const std::string& socket);

  Result<void> ask(const nlohmann::json& request);
  /// The next line of the answer; nullopt: the daemon has closed the connection. An answer with
  /// "error" is an Error (security_violation if it says so) whose context is the daemon's text.
  Result<std::optional<std::string>> next();

 private:
  explicit ControlClient(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  std::string input_;
};

}  // namespace cardea::ctl
