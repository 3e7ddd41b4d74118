#include "daemon/control/program_names.hpp"

#include "daemon/auth/peer_identity.hpp"

namespace cardea {

Program program_of(const PeerCredentials& peer) {
  Program program{peer, {}, {}, {}};
  for (const auto& [name, value] : identify(peer).fields) {
    if (name == "CLIENT_EXE") program.path = value;
    if (name == "CLIENT_SANDBOX") program.sandbox = value;
    if (name == "CLIENT_APP_ID") program.app = value;
  }
  return program;
}

void ProgramNames::add_all(const ServerStatus& status) {
  for (const auto& [conn, peer] : status.peers) add(conn, peer.credentials);
}

const Program* ProgramNames::find(core::ConnId conn) const {
  const auto it = known_.find(conn);
  return it == known_.end() ? nullptr : &it->second;
}

}  // namespace cardea
