// What a slot asks of the card in it, be it made of software in this process or at the other end
// of a connection. A card is inserted once and, once removed, never comes back.
//
// Threads: one call at a time, except remove(), which any thread may call at any time and which
// makes a running call return soon.
#pragma once

#include <string_view>

#include "drivers/virtual/bytes.hpp"
#include "ifdhandler.h"

namespace cardea::virtual_reader {

class VirtualCard {
 public:
  VirtualCard() = default;
  VirtualCard(const VirtualCard&) = delete;
  VirtualCard& operator=(const VirtualCard&) = delete;
  virtual ~VirtualCard() = default;

  /// A word for status lines: "hello", "mute", "vpcd".
  [[nodiscard]] virtual std::string_view kind() const noexcept = 0;

  /// The answer to reset, 2..33 bytes; valid after a successful power_up() or reset().
  [[nodiscard]] virtual Bytes atr() const = 0;

  /// Cold and warm reset: both lose the card's volatile state. IFD_SUCCESS;
  /// IFD_ERROR_POWER_ACTION: the card does not answer; IFD_ICC_NOT_PRESENT: it was removed.
  virtual RESPONSECODE power_up() = 0;
  virtual RESPONSECODE reset() = 0;

  virtual void power_down() = 0;

  /// One command APDU, one response APDU. On IFD_SUCCESS `response` holds data and status word;
  /// IFD_ICC_NOT_PRESENT: the card was removed before it answered.
  virtual RESPONSECODE transmit(ByteView command, Bytes& response) = 0;

  /// The card leaves the reader. Never blocks.
  virtual void remove() noexcept = 0;
};

}  // namespace cardea::virtual_reader
