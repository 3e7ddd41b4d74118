// Commands in one or more messages: short APDUs and TPDUs in one, extended APDUs as a chain of
// messages (CCID Rev 1.1, 6.1.4 wLevelParameter, 6.2.1 bChainParameter). Pure.
#pragma once

#include <functional>

#include "drivers/ccid/bytes.hpp"
#include "drivers/ccid/ccid_message.hpp"
#include "drivers/ccid/ifd_result.hpp"

namespace cardea::ccid {

/// Sends one data block with its wLevelParameter and returns the answer, which did not fail.
using BlockTransfer = std::function<IfdResult<Answer>(ByteView data, std::uint16_t level)>;

/// A command and its response at the extended APDU level, in pieces of up to `piece_bytes_max`.
/// Errors: those of `transfer`; IFD_COMMUNICATION_ERROR if the reader breaks the chain's rules or
/// answers more than any response has.
IfdResult<Bytes> transfer_chained(ByteView command, std::size_t piece_bytes_max,
                                  const BlockTransfer& transfer);

}  // namespace cardea::ccid
