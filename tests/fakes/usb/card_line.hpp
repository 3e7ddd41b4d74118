// What comes out of a card's contacts: one card with the protocol that the reader speaks to it.
// Readers on APDU level pass whole commands; on TPDU level the card does its own part of T=0 (61
// XX and GET RESPONSE) or of T=1 (T1Link). Owned by a slot; externally locked.
#pragma once

#include <memory>
#include <optional>

#include "base/clock.hpp"
#include "drivers/virtual/virtual_card.hpp"
#include "tests/fakes/usb/device_spec.hpp"
#include "tests/fakes/usb/t1_link.hpp"

namespace cardea::usb_fake {

class CardLine {
 public:
  /// `kind` is not none.
  CardLine(CardKind kind, virtual_reader::AtrKind atr, ExchangeLevel level);

  /// The ATR; nothing from a mute card.
  std::optional<Bytes> power_up();
  void select_protocol(unsigned protocol) { protocol_ = protocol; }

  /// One command, TPDU or block. Nothing: the card is silent.
  std::optional<Bytes> exchange(ByteView command);

  /// How long the card works on what exchange() answered last.
  [[nodiscard]] milliseconds work() const { return work_; }

 private:
  Bytes run(ByteView apdu);
  Bytes run_t0(ByteView tpdu);
  Bytes get_response(unsigned count);

  const std::unique_ptr<virtual_reader::VirtualCard> card_;
  const ExchangeLevel level_;
  unsigned protocol_ = 0;
  T1Link t1_;
  Bytes held_;  ///< T=0: data and status word, to be fetched by GET RESPONSE
  milliseconds work_{0};
};

}  // namespace cardea::usb_fake
