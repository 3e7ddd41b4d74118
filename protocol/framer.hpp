// Cuts a byte stream of requests into frames, for one dialect, without copying and without
// reading past what it was given. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <variant>

#include "protocol/commands.hpp"
#include "protocol/dialect.hpp"
#include "protocol/wire.hpp"

namespace cardea::wire {

/// The largest request: a TRANSMIT with a full payload.
inline constexpr std::size_t kRequestBytesMax =
    sizeof(Header) + sizeof(Transmit) + kPayloadBytesMax;

/// One complete request. The spans borrow from the input.
struct Frame {
  Command command;
  std::span<const std::byte> body;
  std::span<const std::byte> payload;  ///< TRANSMIT and CONTROL only
  std::size_t bytes;                   ///< what the frame occupied in the input
};

/// More input is needed before anything can be said.
struct NeedMore {};

/// The peer does not speak this protocol; `reason` is for the log.
struct Malformed {
  std::string reason;
};

using FrameResult = std::variant<Frame, NeedMore, Malformed>;

/// Looks at the start of `input`. Malformed is reported as early as the header allows, so a wrong
/// size never makes the daemon wait for bytes.
FrameResult next_frame(const Dialect& dialect, std::span<const std::byte> input);

}  // namespace cardea::wire
