// Fetches the reader states in one round trip, whatever the dialect: all requests leave with one
// write, and the answers are read with as few reads as they arrive in. May register for the next
// change (WAIT) and ask for the reader-event number (4:5) and a handle's STATUS along the way.
// Used by SCardListReaders, SCardStatus and SCardGetStatusChange, by whoever owns the link.
#pragma once

#include <cstdint>
#include <optional>

#include "libpcsclite/reader_table.hpp"
#include "libpcsclite/server_link.hpp"

namespace cardea {

struct FetchRequest {
  bool registers = false;            ///< send WAIT, so that the next change is announced
  std::uint32_t wait_ms = 0;         ///< body of a 4:3 WAIT; daemons ignore it
  bool reader_events = false;        ///< ask for the event number, if the dialect has it
  std::optional<std::int32_t> card;  ///< ask for this handle's STATUS
  Deadline deadline;                 ///< only without `card`
};

struct FetchAnswer {
  ReaderTable readers;
  /// True while the daemon will send one completion for the WAIT.
  bool registered = false;
  std::uint32_t reader_events = 0;         ///< 0: not asked or not known
  ScardRv card_status = ScardRv::success;  ///< the daemon's verdict on `card`
};

/// Results: transport codes; timeout if the answers are not complete at the deadline. Then the
/// registration is withdrawn and the link skips the late answers by itself.
[[nodiscard]] ScardRv fetch_states(ServerLink& link, const FetchRequest& request,
                                   FetchAnswer& answer);

/// Sends STOP, which is answered with one completion if the registration still stands.
[[nodiscard]] ScardRv send_stop(ServerLink& link);

}  // namespace cardea
