// PIN entry at the reader: from PC/SC part 10's structures (rev 2.02.09, 2.5) to the data of
// PC_to_RDR_Secure (CCID Rev 1.1, 6.1.11). Pure.
#pragma once

#include <array>

#include "drivers/ccid/bytes.hpp"
#include "drivers/ccid/ifd_result.hpp"

namespace cardea::ccid {

struct PinBlock {
  Bytes data;                       ///< of the message, bPINOperation first
  std::size_t prologue_offset = 0;  ///< of bTeoPrologue in `data`
  std::size_t apdu_bytes = 0;       ///< of the APDU template at the end
  int timeout_ms = 0;               ///< the user may take so long
};

/// Error: IFD_COMMUNICATION_ERROR for a structure whose lengths do not fit.
IfdResult<PinBlock> pin_verification(ByteView structure);
IfdResult<PinBlock> pin_modification(ByteView structure);

}  // namespace cardea::ccid
