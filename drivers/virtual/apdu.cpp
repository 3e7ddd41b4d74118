#include "drivers/virtual/apdu.hpp"

namespace cardea::virtual_reader {
namespace {

constexpr std::size_t kHeaderBytes = 4;
constexpr std::uint32_t kShortLeMax = 256;
constexpr std::uint32_t kExtendedLeMax = 65536;

std::uint32_t big_endian_16(ByteView bytes) {
  return static_cast<std::uint32_t>(bytes[0]) << 8U | bytes[1];
}

std::uint32_t or_largest(std::uint32_t le, std::uint32_t largest) { return le == 0 ? largest : le; }

bool parse_short_data(ByteView body, CommandApdu& apdu) {
  const std::size_t lc = body[0];
  const ByteView rest = body.subspan(1);
  if (rest.size() != lc && rest.size() != lc + 1) return false;
  apdu.data = rest.first(lc);
  if (rest.size() > lc) apdu.le = or_largest(rest[lc], kShortLeMax);
  return true;
}

bool parse_extended(ByteView body, CommandApdu& apdu) {
  if (body.size() < 3) return false;
  const std::uint32_t length = big_endian_16(body.subspan(1));
  const ByteView rest = body.subspan(3);
  if (rest.empty()) {
    apdu.le = or_largest(length, kExtendedLeMax);
    return true;
  }
  if (length == 0 || (rest.size() != length && rest.size() != length + 2)) return false;
  apdu.data = rest.first(length);
  if (rest.size() > length) apdu.le = or_largest(big_endian_16(rest.last(2)), kExtendedLeMax);
  return true;
}

}  // namespace

std::optional<CommandApdu> parse_apdu(ByteView bytes) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  CommandApdu apdu;
  apdu.cla = bytes[0];
  apdu.ins = bytes[1];
  apdu.p1 = bytes[2];
  apdu.p2 = bytes[3];
  const ByteView body = bytes.subspan(kHeaderBytes);
  if (body.empty()) return apdu;
  if (body.size() == 1) {
    apdu.le = or_largest(body[0], kShortLeMax);
    return apdu;
  }
  const bool fits = body[0] != 0 ? parse_short_data(body, apdu) : parse_extended(body, apdu);
  return fits ? std::optional(apdu) : std::nullopt;
}

}  // namespace cardea::virtual_reader
