// What the floor server and its client say to each other: messages of the sizes PC/SC needs, with
// no PC/SC work behind them. One request of request_bytes, one reply of reply_bytes. Both ends are
// one process each on the same machine; nothing here is installed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/wire.hpp"

namespace cardea::bench {

enum class FloorOp : std::uint16_t {
  exchange,   ///< reply at once, or after argument milliseconds
  begin,      ///< reply when the one transaction of the server is ours, first come first served
  end,        ///< hand the transaction to the next in line, then reply
  wait_card,  ///< reply when the card is in (argument 1) or out (argument 0)
  move_card,  ///< put the card in or out, answer those who wait for that, then reply
};

/// Opens each request; the rest of request_bytes is padding.
struct FloorRequest {
  std::uint32_t request_bytes;
  std::uint32_t reply_bytes;
  FloorOp op;
  std::uint16_t padding;
  std::uint32_t argument;
};
static_assert(sizeof(FloorRequest) == 16);

/// Room for the largest request or reply: a TRANSMIT with a full payload, rounded up.
inline constexpr std::size_t kFloorMessageBytesMax =
    sizeof(wire::Header) + sizeof(wire::Transmit) + wire::kPayloadBytesMax;

/// Clients the server serves at a time; further ones wait in the listen queue.
inline constexpr int kFloorClientsMax = 256;

}  // namespace cardea::bench
