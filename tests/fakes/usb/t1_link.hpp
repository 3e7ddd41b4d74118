// The card's end of T=1 (ISO/IEC 7816-3, 11): chaining both ways, repeats, RESYNCH, IFS and ABORT;
// checksum by exclusive-or. Owned by a CardLine; externally locked.
#pragma once

#include <cstdint>
#include <functional>

#include "drivers/virtual/bytes.hpp"

namespace cardea::usb_fake {

using virtual_reader::Bytes;
using virtual_reader::ByteView;

class T1Link {
 public:
  using RunApdu = std::function<Bytes(ByteView apdu)>;

  /// One block from the reader; the card's block in answer. `run` is called when a command is
  /// complete.
  Bytes exchange(ByteView block, const RunApdu& run);

 private:
  Bytes information_block(std::uint8_t control, ByteView information, const RunApdu& run);
  Bytes supervisory_block(std::uint8_t control, ByteView information);
  Bytes next_piece();

  unsigned send_number_ = 0;
  std::size_t piece_bytes_ = 32;  ///< IFSD until the reader says otherwise
  Bytes command_;                 ///< of a chain that is not complete
  Bytes response_;                ///< what has not been sent yet
  Bytes last_;                    ///< for a repeat
};

}  // namespace cardea::usb_fake
