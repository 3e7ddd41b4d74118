#include "tests/fuzz/wire/fickle_driver.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace cardea::fuzz {
namespace {

/// What no driver should return, and some do.
constexpr auto kNobodysResult = static_cast<IfdRv>(4711);

constexpr std::array kFaults{
    IfdRv::communication_error,
    IfdRv::no_such_device,
    IfdRv::icc_not_present,
    IfdRv::response_timeout,
    IfdRv::not_supported,
    IfdRv::error_not_supported,
    IfdRv::insufficient_buffer,
    IfdRv::tag,
    IfdRv::protocol_not_supported,
    IfdRv::power_action,
    IfdRv::pts_failure,
    kNobodysResult,
};

constexpr std::array<std::uint8_t, 5> kAtrT01{0x3B, 0x80, 0x80, 0x01, 0x01};

}  // namespace

void FickleDriver::move_card() {
  const std::uint32_t what = dice_.below(10);
  card_ = what == 0 ? Card::none : what == 1 ? Card::mute : Card::good;
  atr_ = AtrBytes{};
  if (what == 2) {  // an ATR as it comes
    atr_.length = dice_.below(atr_.bytes.size() + 1);
    for (std::size_t i = 0; i < atr_.length; ++i) {
      atr_.bytes[i] = static_cast<std::uint8_t>(dice_.below(256));
    }
    if (atr_.length > 0) atr_.bytes[0] = 0x3B;
  } else {
    atr_.length = kAtrT01.size();
    std::copy(kAtrT01.begin(), kAtrT01.end(), atr_.bytes.begin());
  }
}

void FickleDriver::reform(bool card) {
  faults_ = 0;
  reformed_ = true;
  card_ = card ? Card::good : Card::none;
  atr_.length = kAtrT01.size();
  std::copy(kAtrT01.begin(), kAtrT01.end(), atr_.bytes.begin());
}

IfdRv FickleDriver::outcome(IfdRv otherwise) {
  if (faults_ == 0 || !dice_.chance(faults_)) return otherwise;
  return kFaults[dice_.below(kFaults.size())];
}

std::size_t FickleDriver::answer(std::span<std::byte> room) {
  const std::size_t length =
      reformed_ || dice_.chance(90) ? 2 + dice_.below(40) : dice_.below(70'000);
  const std::size_t written = std::min<std::size_t>(std::min(length, room.size()), 64);
  std::memset(room.data(), 0x90, written);
  return length;
}

IfdRv FickleDriver::presence() {
  return outcome(card_ == Card::none ? IfdRv::icc_not_present : IfdRv::icc_present);
}

IfdRv FickleDriver::power(PowerAction action, AtrBytes& atr) {
  atr = AtrBytes{};
  IfdRv rv = IfdRv::success;
  if (action != PowerAction::down && card_ != Card::good) rv = IfdRv::power_action;
  rv = outcome(rv);
  if (rv == IfdRv::success && action != PowerAction::down) atr = atr_;
  return rv;
}

IfdRv FickleDriver::set_protocol(std::uint32_t) { return outcome(IfdRv::success); }

IfdRv FickleDriver::transmit(IfdPci, std::span<const std::byte>, std::span<std::byte> response,
                             std::size_t& received, IfdPci&) {
  received = 0;
  const IfdRv rv = outcome(card_ == Card::none ? IfdRv::icc_not_present : IfdRv::success);
  if (rv == IfdRv::success) received = answer(response);
  return rv;
}

IfdRv FickleDriver::control(std::uint32_t, std::span<const std::byte>,
                            std::span<std::byte> response, std::size_t& returned) {
  returned = 0;
  const IfdRv rv = outcome(IfdRv::success);
  if (rv == IfdRv::success) returned = std::min(answer(response), response.size());
  return rv;
}

IfdRv FickleDriver::get_capability(std::uint32_t, std::span<std::byte> value, std::size_t& length) {
  length = 0;
  const IfdRv rv = outcome(dice_.chance(50) ? IfdRv::success : IfdRv::tag);
  if (rv == IfdRv::success) length = std::min(answer(value), value.size());
  return rv;
}

IfdRv FickleDriver::set_capability(std::uint32_t, std::span<const std::byte>) {
  return outcome(IfdRv::success);
}

}  // namespace cardea::fuzz
