// What differs between the minor versions of protocol 4, in one table. Nothing else in the
// project compares a minor number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/commands.hpp"

namespace cardea::wire {

inline constexpr std::int32_t kMajor = 4;
inline constexpr std::int32_t kMinorOldest = 3;
inline constexpr std::int32_t kMinorNewest = 6;

struct Dialect {
  std::int32_t minor;
  /// Bytes of the WAIT and STOP bodies: 8 up to 4:3, 0 since 4:4.
  std::uint32_t wait_body_bytes;
  /// WAIT is answered at once with the fixed array (4:4, 4:5).
  bool wait_sends_states;
  /// After WAIT no completion may go out before SIZE and ARRAY are answered (4:6): the client
  /// would take its 8 bytes for one of those answers.
  bool completion_waits_for_array;
  /// The client fetches states before WAIT (4:3): a change in between must complete the WAIT.
  bool states_precede_wait;
  bool has_reader_events;  ///< GET_READER_EVENTS (since 4:5)
  bool has_sized_array;    ///< GET_READERS_STATE_SIZE and _ARRAY (since 4:6)
};

/// The dialect for a proposed version; nullptr if it cannot be served. 4:2 is refused because two
/// incompatible layouts share that number. Points to static storage.
const Dialect* find_dialect(std::int32_t major, std::int32_t minor) noexcept;

/// For clients that never send CMD_VERSION.
const Dialect& default_dialect() noexcept;
const Dialect& newest_dialect() noexcept;

/// Bytes of the request body of `command` in this dialect; nullopt if the dialect lacks it.
std::optional<std::uint32_t> body_bytes(const Dialect& dialect, Command command) noexcept;

}  // namespace cardea::wire
