#include "drivers/ccid/pps.hpp"

#include <algorithm>

namespace cardea::ccid {
namespace {

constexpr std::uint8_t kPpss = 0xFF;
constexpr std::uint8_t kHasPps1 = 0x10;

std::uint8_t check_byte(ByteView bytes) {
  std::uint8_t sum = 0;
  for (const std::uint8_t byte : bytes) sum ^= byte;
  return sum;
}

}  // namespace

Bytes pps_request(Protocol protocol, std::uint8_t fi_di) {
  const bool has_pps1 = fi_di != kDefaultFiDi;
  Bytes request{kPpss, low_byte(static_cast<unsigned>(protocol) | (has_pps1 ? kHasPps1 : 0U))};
  if (has_pps1) request.push_back(fi_di);
  request.push_back(check_byte(request));
  return request;
}

std::optional<std::uint8_t> accepted_fi_di(ByteView request, ByteView response) {
  const bool asked = (request[1] & kHasPps1) != 0;
  if (std::ranges::equal(request, response)) return asked ? request[2] : kDefaultFiDi;
  // 9.3: the card may answer without PPS1, and F and D keep their defaults.
  const bool is_short = asked && response.size() == 3 && response[0] == kPpss &&
                        response[1] == (request[1] & 0x0FU) && check_byte(response) == 0;
  if (is_short) return kDefaultFiDi;
  return std::nullopt;
}

}  // namespace cardea::ccid
