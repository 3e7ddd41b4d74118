// The control socket: pcscctl asks here what is going on. One thread of its own does all the work
// of it, without ever waiting for a peer, so that clients of the daemon notice nothing: a question
// takes the core's lock for as long as copying takes. Owned by the daemon's main function; lives
// shorter than the server.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <thread>

#include "base/unique_fd.hpp"
#include "daemon/client/server.hpp"
#include "daemon/control/control_connection.hpp"
#include "daemon/control/control_hub.hpp"

namespace cardea {

class ControlServer {
 public:
  static constexpr std::size_t kConnectionsMax = 64;
  /// Of one user who is not root, so that nobody can keep the others out.
  static constexpr std::size_t kConnectionsOfUserMax = 16;
  /// Who says nothing for so long is disconnected.
  static constexpr milliseconds kSilenceMax{10'000};

  /// "/run/pcscd/pcscd.control" for "/run/pcscd/pcscd.comm".
  static std::string path_for(const std::string& socket_path);

  /// Listens at `path` and starts the thread. Errors (no_service): the socket cannot be made.
  static Result<std::unique_ptr<ControlServer>> create(Server& server, ControlHub& hub,
                                                       ControlInfo info, const std::string& path);
  /// Ends the thread and all connections, and removes the socket.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  using Connections = std::list<ControlConnection>;

  ControlServer(Server& server, ControlHub& hub, ControlInfo info, std::string path,
                UniqueFd listener, UniqueFd stop);
  void run();
  [[nodiscard]] int silence_left_ms() const;
  void drop_silent();
  void accept();
  void serve(ControlConnection& connection);
  void obey(ControlConnection& connection, const std::string& line);
  void refuse(ControlConnection& connection, const char* code, const std::string& why);
  void start_stream(ControlConnection& connection, const ControlRequest& request);
  void publish();
  /// After connections have come or gone: what the hub has to collect.
  void update_wishes();

  Server& server_;
  ControlHub& hub_;
  const ControlInfo info_;
  const std::string path_;
  const UniqueFd listener_;
  const UniqueFd stop_;
  Connections connections_;
  ProgramNames names_;
  std::thread thread_;
};

}  // namespace cardea
