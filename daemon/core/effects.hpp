// What the core wants done. The core itself does nothing: every call returns its consequences
// here, and the server carries them out after it has released the core's lock. Order within each
// list is the order of the decisions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/scard_rv.hpp"
#include "daemon/core/card_state.hpp"
#include "daemon/core/ids.hpp"
#include "daemon/core/quota_limits.hpp"
#include "protocol/wire.hpp"

namespace cardea::core {

/// Bytes for one client; they leave in one write.
struct Reply {
  ConnId conn;
  std::vector<std::byte> bytes;
  /// Sent right after `bytes`; borrowed from the result of the job that was just finished.
  std::span<const std::byte> payload;
  /// The request in flight is answered: further requests may be read.
  bool ends_call = true;
  std::optional<std::uint32_t> rv{};  ///< for the log; none where the answer has no return code
};

/// A client that broke the protocol: disconnect it and log why.
struct Drop {
  ConnId conn;
  std::string reason;
};

enum class JobKind {
  check_presence,  ///< ask for the card; power it up if it has just come
  power_off,       ///< automatic
  connect,         ///< power up if needed, negotiate a protocol
  reconnect,       ///< the same after an optional reset or power cycle
  card_action,     ///< reset, unpower or eject for DISCONNECT and END
  clean_up,        ///< reset after a client died or left with the card locked
  transmit,
  control,
  get_attribute,
  set_attribute,
  close,  ///< the reader is gone: stop its monitor, close its driver
  guest,  ///< the driver is lent to somebody who opens a further reader on it
};

/// One conversation with one driver. The domain of the reader is busy from the moment the job is
/// in Effects until Core::finish() is called with it.
struct Job {
  JobKind kind = JobKind::check_presence;
  ReaderId reader;
  ConnId conn;  ///< whose request it is; nobody for the daemon's own jobs
  CallId call;
  DomainId domain;              ///< that is busy with it
  GuestId guest;                ///< whose turn it is
  CardState card;               ///< as known when the job starts
  bool power_cycle = false;     ///< unpower is followed by power-up: RECONNECT, END
  bool reset = false;           ///< reconnect: reset first
  std::uint32_t protocols = 0;  ///< connect, reconnect: mask the client accepts
  wire::Disposition action = wire::Disposition::leave;
  wire::Transmit transmit{};
  wire::Control control{};
  wire::Attribute attribute{};
  std::vector<std::byte> payload;  ///< transmit, control
};

enum class AccessKind {
  pcsc,  ///< to be served at all: ESTABLISH
  card,  ///< to use the card in one reader: CONNECT
};

/// May this client do that? Core::decide() takes the answer.
struct Question {
  ConnId conn;
  CallId call;
  AccessKind kind = AccessKind::pcsc;
  std::string reader;  ///< card: as the client names it, whether there is one or not
};

/// What came out of a job.
struct JobResult {
  ScardRv rv = ScardRv::success;
  std::optional<CardState> card;      ///< nullopt: unchanged
  std::uint32_t active_protocol = 0;  ///< connect, reconnect
  std::span<std::byte> data;          ///< transmit, control, get_attribute: what came back
  std::size_t bytes = 0;              ///< its length; may exceed data.size()
  IfdPci recv_pci;                    ///< transmit
  std::string detail;                 ///< why it failed, for the log
};

/// A transaction that nobody has used for Settings::idle_holder.
struct IdleHold {
  std::string reader;
  ConnId holder;
  std::vector<ConnId> waiters;
  Duration held{};
  Duration idle{};
  bool reset = false;  ///< it is taken away: the card is reset, and the line served
};

/// A user has reached a limit, for the first time in this excess.
struct QuotaHit {
  ConnId conn;  ///< whose request was one too many
  Resource resource = Resource::connections;
};

struct Effects {
  std::vector<Reply> replies;
  std::vector<Drop> drops;
  std::vector<Job> jobs;
  std::vector<Question> questions;
  std::vector<CallId> withdrawn;  ///< questions whose client has gone
  std::vector<log::Record> records;
  std::vector<IdleHold> idle_holds;
  std::vector<QuotaHit> quota_hits;
  std::vector<ReaderId> faulty;  ///< have answered nothing but faults for Settings::fault_patience

  [[nodiscard]] bool empty() const {
    return replies.empty() && drops.empty() && jobs.empty() && questions.empty() &&
           withdrawn.empty() && records.empty() && idle_holds.empty() && quota_hits.empty() &&
           faulty.empty();
  }
};

}  // namespace cardea::core
