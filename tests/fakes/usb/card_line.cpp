#include "tests/fakes/usb/card_line.hpp"

#include <algorithm>

#include "drivers/virtual/apdu.hpp"
#include "drivers/virtual/hello_card.hpp"
#include "drivers/virtual/mute_card.hpp"

namespace cardea::usb_fake {
namespace {

using virtual_reader::HelloCard;
using virtual_reader::MuteCard;
using virtual_reader::VirtualCard;

constexpr std::uint8_t kClassTest = 0x80;
constexpr std::uint8_t kInsDelay = 0x30;
constexpr std::uint8_t kInsGetResponse = 0xC0;
constexpr std::uint8_t kSw1MoreData = 0x61;
constexpr std::size_t kStatusBytes = 2;
constexpr std::size_t kT0DataMax = 256;
constexpr unsigned kT1 = 1;

std::unique_ptr<VirtualCard> make_card(CardKind kind, virtual_reader::AtrKind atr) {
  if (kind == CardKind::mute) return std::make_unique<MuteCard>();
  return std::make_unique<HelloCard>(atr);
}

}  // namespace

CardLine::CardLine(CardKind kind, virtual_reader::AtrKind atr, ExchangeLevel level)
    : card_(make_card(kind, atr)), level_(level) {}

std::optional<Bytes> CardLine::power_up() {
  protocol_ = 0;
  t1_ = {};
  held_.clear();
  if (card_->power_up() != IFD_SUCCESS) return std::nullopt;
  return card_->atr();
}

std::optional<Bytes> CardLine::exchange(ByteView command) {
  work_ = milliseconds(0);
  if (card_->atr().empty()) return std::nullopt;
  if (level_ != ExchangeLevel::tpdu) return run(command);
  if (protocol_ != kT1) return run_t0(command);
  return t1_.exchange(command, [this](ByteView apdu) { return run(apdu); });
}

Bytes CardLine::run(ByteView apdu) {
  // The real card would keep its thread waiting; the emulation has one thread for all readers.
  if (apdu.size() >= 4 && apdu[0] == kClassTest && apdu[1] == kInsDelay) {
    work_ = milliseconds(apdu[2] << 8U | apdu[3]);
    return {0x90, 0x00};
  }
  Bytes response;
  (void)card_->transmit(apdu, response);  // a hello card that is not removed always answers
  return response;
}

Bytes CardLine::run_t0(ByteView tpdu) {
  if (tpdu.size() == 5 && tpdu[1] == kInsGetResponse && !held_.empty()) {
    return get_response(tpdu[4] == 0 ? kT0DataMax : tpdu[4]);
  }
  held_.clear();
  const bool sends_data = tpdu.size() > 5;
  Bytes response = run(tpdu);
  const std::size_t data = response.size() - kStatusBytes;
  if (data == 0 || (!sends_data && data <= kT0DataMax)) return response;
  held_ = std::move(response);
  return get_response(0);
}

Bytes CardLine::get_response(unsigned count) {
  const std::size_t data = held_.size() - kStatusBytes;
  if (count >= data) return std::exchange(held_, {});
  Bytes part(held_.begin(), held_.begin() + static_cast<Bytes::difference_type>(count));
  held_.erase(held_.begin(), held_.begin() + static_cast<Bytes::difference_type>(count));
  const std::size_t left = data - count;
  part.push_back(kSw1MoreData);
  part.push_back(static_cast<std::uint8_t>(left >= kT0DataMax ? 0 : left));
  return part;
}

}  // namespace cardea::usb_fake
