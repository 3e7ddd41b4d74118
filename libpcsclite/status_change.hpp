// What SCardGetStatusChange tells about one entry, from the caller's last known state and the
// daemon's table. Pure functions: no sockets, no clock, no locks; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/wire.hpp"

namespace cardea {

struct StateEvaluation {
  std::uint32_t event_state = 0;  ///< for dwEventState, with SCARD_STATE_CHANGED if `changed`
  bool changed = false;           ///< the call returns
  bool tells_atr = false;         ///< cbAtr and rgbAtr are to be written, from the table's row
};

/// `current` is the entry's dwCurrentState; `row` the reader's slot, nullptr if it is gone.
[[nodiscard]] StateEvaluation evaluate_reader(std::uint32_t current, const wire::ReaderState* row);

/// The pseudo reader for coming and going readers. `events` is the daemon's reader-event number,
/// 0 if it has none; `readers_differ` whether the readers are others than when the call began.
[[nodiscard]] StateEvaluation evaluate_pnp(std::uint32_t current, std::uint32_t events,
                                           bool readers_differ);

/// True for the pseudo reader's name, in any case of letters.
[[nodiscard]] bool is_pnp_name(std::string_view name);

/// True if `current` makes evaluate_reader() report a change whatever the table says.
[[nodiscard]] bool always_changed(std::uint32_t current);

}  // namespace cardea
