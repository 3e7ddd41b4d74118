// Who looks on while the server works: the control socket. The server calls it on pool threads.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/scard_rv.hpp"
#include "base/unix_socket.hpp"
#include "daemon/core/snapshot.hpp"

namespace cardea {

/// What passed between a client and a card or reader; secrets are masked.
struct Exchange {
  std::string reader;
  core::ConnId conn;
  bool control = false;  ///< SCardControl, not SCardTransmit
  std::string command;   ///< "00 20 00 81 04 ** ** ** **"
  std::string response;  ///< empty if it failed
  ScardRv rv = ScardRv::success;
  Duration took{};
};

/// Its methods are called by any pool thread, often under the core's lock: they must not wait,
/// nor call the server. They are cheap while nobody wants to know.
class ServerObserver {
 public:
  virtual ~ServerObserver() = default;
  [[nodiscard]] virtual bool wants_changes() const noexcept = 0;
  [[nodiscard]] virtual bool wants_exchanges() const noexcept = 0;
  virtual void client_came(core::ConnId conn, const PeerCredentials& peer) = 0;
  virtual void client_gone(core::ConnId conn) = 0;
  virtual void changed(std::vector<core::Change> changes) = 0;
  virtual void holder_idle(const std::string& reader, core::ConnId holder, bool reset) = 0;
  virtual void exchanged(Exchange exchange) = 0;
};

/// All there is at one moment.
struct ServerStatus {
  struct Peer {
    PeerCredentials credentials;
    TimePoint since;
  };
  TimePoint now;
  core::Snapshot core;
  std::unordered_map<core::ConnId, Peer> peers;
};

}  // namespace cardea
