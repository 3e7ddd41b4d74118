// How long calls into a hosted driver may take. What takes longer costs the driver's process its
// life, and its reader is opened anew. Values; set once by options.
#pragma once

#include "base/clock.hpp"

namespace cardea {

struct HostLimits {
  /// Starting a process, loading the library, opening and closing a channel. libccid's longest is a
  /// few seconds, for readers whose first answer is slow.
  milliseconds open{30'000};
  /// Presence and capabilities. libccid gives up after 5 s of writing and 3 s of reading.
  milliseconds query{10'000};
  /// Power and protocol. libccid waits 60 s for a card to power up, and 5 s to write.
  milliseconds power{70'000};
  /// Transmit and control: a card may compute keys for minutes and ask for more time, and a person
  /// types a PIN on the reader.
  milliseconds exchange{600'000};
  /// A reader that has worked for so long is opened again at once, however often its process ended
  /// before.
  milliseconds stable{30'000};
};

/// The longest limit that can be asked for.
inline constexpr milliseconds kHostLimitMax{86'400'000};

/// Longest wait for a card in one call, so that a process that hangs is noticed when nobody uses
/// its reader.
inline constexpr milliseconds kHostedWaitMax{60'000};

}  // namespace cardea
