// A card that is there but never answers: what a daemon sees of a card put in the wrong way
// round. Owned by a slot; threads as VirtualCard says.
#pragma once

#include "drivers/virtual/virtual_card.hpp"

namespace cardea::virtual_reader {

class MuteCard final : public VirtualCard {
 public:
  [[nodiscard]] std::string_view kind() const noexcept override { return "mute"; }
  [[nodiscard]] Bytes atr() const override { return {}; }
  RESPONSECODE power_up() override { return IFD_ERROR_POWER_ACTION; }
  RESPONSECODE reset() override { return IFD_ERROR_POWER_ACTION; }
  void power_down() override {}
  RESPONSECODE transmit(ByteView /*command*/, Bytes& response) override {
    response.clear();
    return IFD_COMMUNICATION_ERROR;
  }
  void remove() noexcept override {}
};

}  // namespace cardea::virtual_reader
