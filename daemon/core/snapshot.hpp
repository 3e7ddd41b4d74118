// What is there at one moment: readers, cards, handles, who holds a card and who waits for it.
// Copies without references into the core, for those who show them to people. Value types.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "daemon/core/card_state.hpp"
#include "daemon/core/ids.hpp"
#include "daemon/core/quota_limits.hpp"
#include "protocol/wire.hpp"

namespace cardea::core {

struct HandleSnapshot {
  CardHandle card = 0;
  ConnId conn;
  wire::ShareMode mode = wire::ShareMode::shared;
};

/// Who keeps all others from the card, and since when.
struct HolderSnapshot {
  CardHandle card = 0;
  ConnId conn;
  bool transaction = false;  ///< false: the handle is exclusive, but no transaction is open
  TimePoint since;
  std::optional<TimePoint> idle_since;  ///< none while a request of it is with the driver
};

struct WaiterSnapshot {
  ConnId conn;
  bool wants_lock = false;  ///< a transaction; else just one access to the card
  TimePoint since;          ///< when it asked first
};

struct ReaderSnapshot {
  ReaderId id;
  std::string name;
  std::string alias;     ///< may be empty
  std::string driver;    ///< file of the handler
  pid_t driver_pid = 0;  ///< of the process it runs in; 0: the daemon itself
  CardState card;
  std::uint32_t protocol = wire::kProtocolUnset;  ///< as clients see it
  std::uint16_t events = 0;                       ///< cards that came and went
  bool starting = false;                          ///< its first presence check is not done
  bool resetting = false;                         ///< the daemon itself has the card for a reset
  std::vector<HandleSnapshot> handles;            ///< open ones, oldest first
  std::optional<HolderSnapshot> holder;
  std::vector<WaiterSnapshot> waiters;  ///< in the order of the line
};

struct ClientSnapshot {
  ConnId conn;
  std::int32_t minor = 0;  ///< of protocol 4
  bool has_context = false;
  bool waits_for_events = false;
  std::size_t handles = 0;
};

/// What the programs of one user have taken together, and may take.
struct UserSnapshot {
  struct Share {
    Resource resource = Resource::connections;
    std::size_t used = 0;
    std::optional<std::size_t> limit;  ///< none: no limit
  };
  std::uint32_t uid = 0;
  std::vector<Share> shares;
};

struct Snapshot {
  std::vector<ReaderSnapshot> readers;  ///< in the order of their slots
  std::vector<ClientSnapshot> clients;  ///< oldest first
  std::vector<UserSnapshot> users;      ///< by uid
};

/// One difference between two moments.
struct Change {
  enum class Kind {
    reader_added,
    reader_removed,
    reader_fault,
    card_inserted,
    card_removed,
    handle_opened,
    handle_closed,
    lock_taken,
    lock_released,
    lock_handed,  ///< from `previous` to `conn`, with nobody between them
    wait_began,
    wait_ended,
  };
  Kind kind = Kind::reader_added;
  std::string reader;
  std::string atr;  ///< "3B 00", of a card that has just come; empty if it is mute
  ConnId conn;
  ConnId previous;
  bool exclusive = false;  ///< the handle or the lock is that of an exclusive connection
};

/// What happened between two lists of readers, in an order that makes sense to a reader of it:
/// causes before consequences. Pure.
std::vector<Change> changes(const std::vector<ReaderSnapshot>& before,
                            const std::vector<ReaderSnapshot>& after);

}  // namespace cardea::core
