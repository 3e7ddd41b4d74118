// The programs behind client connections, remembered as long as somebody monitors: when a client
// has gone, /proc knows nothing about it any more. Control thread only.
#pragma once

#include <string>
#include <unordered_map>

#include "base/unix_socket.hpp"
#include "daemon/client/server_observer.hpp"

namespace cardea {

struct Program {
  PeerCredentials peer;
  std::string path;     ///< the file, or the name where the file is not ours to know; may be empty
  std::string sandbox;  ///< "flatpak", "snap", ...; empty: none
  std::string app;      ///< the application's id there
};

/// Looks into /proc.
Program program_of(const PeerCredentials& peer);

class ProgramNames {
 public:
  void add(core::ConnId conn, const PeerCredentials& peer) { known_[conn] = program_of(peer); }
  void add_all(const ServerStatus& status);
  void remove(core::ConnId conn) { known_.erase(conn); }
  void clear() { known_.clear(); }
  /// nullptr: unknown.
  [[nodiscard]] const Program* find(core::ConnId conn) const;

 private:
  std::unordered_map<core::ConnId, Program> known_;  // bounded: one per client of the daemon
};

}  // namespace cardea
