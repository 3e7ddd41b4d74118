#include "drivers/virtual/hello_card.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace cardea::virtual_reader {
namespace {

constexpr std::array<std::uint8_t, 10> kAppletId = {0xA0, 0x00, 0x00, 0x00, 0x62,
                                                    0x03, 0x01, 0x0C, 0x06, 0x01};
constexpr std::string_view kGreeting = "Hello world!";
constexpr std::string_view kPin = "1234";
constexpr std::size_t kPatternBytesMax = 65536;

constexpr std::uint8_t kClassSystem = 0x00;
constexpr std::uint8_t kClassTest = 0x80;
constexpr std::uint8_t kInsGreet = 0x00;
constexpr std::uint8_t kInsVerify = 0x20;
constexpr std::uint8_t kInsSelect = 0xA4;
constexpr std::uint8_t kInsPattern = 0x20;
constexpr std::uint8_t kInsDelay = 0x30;
constexpr std::uint8_t kInsStarts = 0x40;
constexpr std::uint8_t kInsEcho = 0x50;
constexpr std::uint8_t kSelectByName = 0x04;
constexpr std::uint8_t kSelectNoFci = 0x0C;
constexpr std::uint8_t kVerifyPin = 0x80;  // specific reference data, number 0

enum StatusWord : unsigned {
  kSwOk = 0x9000,
  kSwNotVerified = 0x63C3,  // three tries left, always: nobody shall lock this card
  kSwWrongLength = 0x6700,
  kSwConditionsNotSatisfied = 0x6985,
  kSwNotFound = 0x6A82,
  kSwWrongParameters = 0x6A86,
  kSwWrongInstruction = 0x6D00,
  kSwWrongClass = 0x6E00,
};

RESPONSECODE finish(Bytes& response, StatusWord status) {
  response.push_back(static_cast<std::uint8_t>(status >> 8U));
  response.push_back(static_cast<std::uint8_t>(status & 0xFFU));
  return IFD_SUCCESS;
}

}  // namespace

RESPONSECODE HelloCard::power_up() {
  selected_ = false;
  verified_ = false;
  ++starts_;
  return IFD_SUCCESS;
}

RESPONSECODE HelloCard::reset() { return power_up(); }

RESPONSECODE HelloCard::transmit(ByteView command, Bytes& response) {
  response.clear();
  const std::optional<CommandApdu> apdu = parse_apdu(command);
  if (!apdu) return finish(response, kSwWrongLength);
  if (apdu->cla == kClassSystem) return run_system_class(*apdu, response);
  if (apdu->cla == kClassTest) return run_test_class(*apdu, response);
  return finish(response, kSwWrongClass);
}

RESPONSECODE HelloCard::run_system_class(const CommandApdu& apdu, Bytes& response) {
  if (apdu.ins == kInsSelect) return select(apdu, response);
  if (apdu.ins == kInsGreet) return greet(apdu, response);
  if (apdu.ins == kInsVerify) return verify(apdu, response);
  return finish(response, kSwWrongInstruction);
}

RESPONSECODE HelloCard::select(const CommandApdu& apdu, Bytes& response) {
  if (apdu.p1 != kSelectByName || (apdu.p2 != 0 && apdu.p2 != kSelectNoFci)) {
    return finish(response, kSwWrongParameters);
  }
  if (apdu.data.empty()) return finish(response, kSwWrongLength);
  if (!std::ranges::equal(apdu.data, kAppletId)) return finish(response, kSwNotFound);
  selected_ = true;
  return finish(response, kSwOk);
}

RESPONSECODE HelloCard::greet(const CommandApdu& apdu, Bytes& response) const {
  if (!apdu.data.empty()) return finish(response, kSwWrongLength);
  if (apdu.p1p2() != 0) return finish(response, kSwWrongParameters);
  if (!selected_) return finish(response, kSwConditionsNotSatisfied);
  response.assign(kGreeting.begin(), kGreeting.end());
  return finish(response, kSwOk);
}

RESPONSECODE HelloCard::verify(const CommandApdu& apdu, Bytes& response) {
  if (apdu.p1 != 0 || apdu.p2 != kVerifyPin) return finish(response, kSwWrongParameters);
  // Without data the command only asks (ISO 7816-4, 11.5.6).
  if (!apdu.data.empty()) verified_ = std::ranges::equal(apdu.data, kPin);
  return finish(response, verified_ ? kSwOk : kSwNotVerified);
}

RESPONSECODE HelloCard::run_test_class(const CommandApdu& apdu, Bytes& response) {
  const bool takes_data = apdu.ins == kInsEcho;
  const bool takes_number = apdu.ins == kInsPattern || apdu.ins == kInsDelay;
  if (!takes_data && !takes_number && apdu.ins != kInsStarts) {
    return finish(response, kSwWrongInstruction);
  }
  if (!takes_data && !apdu.data.empty()) return finish(response, kSwWrongLength);
  if (!takes_number && apdu.p1p2() != 0) return finish(response, kSwWrongParameters);
  if (apdu.ins == kInsDelay) return wait(milliseconds(apdu.p1p2()), response);
  if (apdu.ins == kInsPattern) {
    const std::size_t count = apdu.p1p2() == 0 ? kPatternBytesMax : apdu.p1p2();
    response.reserve(count + 2);
    for (std::size_t i = 0; i < count; ++i) {
      response.push_back(static_cast<std::uint8_t>(i & 0xFFU));
    }
  } else if (apdu.ins == kInsStarts) {
    for (unsigned shift = 32; shift > 0; shift -= 8) {
      response.push_back(static_cast<std::uint8_t>(starts_ >> (shift - 8) & 0xFFU));
    }
  } else {
    response.assign(apdu.data.begin(), apdu.data.end());
  }
  return finish(response, kSwOk);
}

RESPONSECODE HelloCard::wait(milliseconds delay, Bytes& response) {
  const TimePoint deadline = Clock::now() + delay;
  MutexLock lock(mutex_);
  while (!removed_ && Clock::now() < deadline) (void)removal_.wait_until(mutex_, deadline);
  return removed_ ? IFD_ICC_NOT_PRESENT : finish(response, kSwOk);
}

void HelloCard::remove() noexcept {
  MutexLock lock(mutex_);
  removed_ = true;
  removal_.notify_all();
}

}  // namespace cardea::virtual_reader
