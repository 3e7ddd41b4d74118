// The protocol and parameters selection: ISO/IEC 7816-3:2006, 9. Pure.
#pragma once

#include <optional>

#include "drivers/ccid/bytes.hpp"
#include "drivers/ccid/card_parameters.hpp"

namespace cardea::ccid {

/// PPS1 is sent only for another value than the default.
Bytes pps_request(Protocol protocol, std::uint8_t fi_di);

/// F and D that are in force after this response: those asked for, or the default if the card left
/// PPS1 out. Nothing if the card refused.
std::optional<std::uint8_t> accepted_fi_di(ByteView request, ByteView response);

}  // namespace cardea::ccid
