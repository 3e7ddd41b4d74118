#include "drivers/ccid/t1_block.hpp"

#include <algorithm>

namespace cardea::ccid {
namespace {

constexpr std::uint8_t kNotInformation = 0x80;
constexpr std::uint8_t kSupervisory = 0xC0;
constexpr std::uint8_t kReserved = 0x20;  ///< of an R-block

Bytes lrc(ByteView bytes) {
  std::uint8_t sum = 0;
  for (const std::uint8_t byte : bytes) sum ^= byte;
  return {sum};
}

/// ISO/IEC 13239's polynomial, least significant bit first, preset to ones, high byte sent first.
Bytes crc(ByteView bytes) {
  constexpr unsigned kPolynomial = 0x8408;
  unsigned sum = 0xFFFF;
  for (const std::uint8_t byte : bytes) {
    sum ^= byte;
    for (unsigned bit = 0; bit < 8; ++bit) {
      sum = (sum & 1U) != 0 ? sum >> 1U ^ kPolynomial : sum >> 1U;
    }
  }
  return {low_byte(sum >> 8U), low_byte(sum)};
}

bool pcb_is_valid(const T1Block& block) {
  const std::size_t length = block.inf.size();
  switch (block.kind()) {
    case T1Kind::information:
      return (block.pcb & 0x1FU) == 0;
    case T1Kind::receive_ready:
      return (block.pcb & kReserved) == 0 && (block.pcb & 0x0FU) <= 2 && length == 0;
    case T1Kind::supervisory:
      break;
  }
  switch (block.about()) {
    case T1Supervisory::resynch:
    case T1Supervisory::abort:
      return length == 0;
    case T1Supervisory::ifs:
    case T1Supervisory::wtx:
      return length == 1;
  }
  return false;
}

}  // namespace

T1Kind T1Block::kind() const {
  if ((pcb & kNotInformation) == 0) return T1Kind::information;
  return (pcb & kSupervisory) == kSupervisory ? T1Kind::supervisory : T1Kind::receive_ready;
}

unsigned T1Block::sequence() const {
  return kind() == T1Kind::information ? pcb >> 6U & 1U : pcb >> 4U & 1U;
}

T1Block information_block(unsigned sequence, bool more, ByteView inf) {
  return {low_byte(sequence << 6U | (more ? 0x20U : 0U)), Bytes(inf.begin(), inf.end())};
}

T1Block receive_ready_block(unsigned sequence, T1Complaint complaint) {
  return {low_byte(kNotInformation | sequence << 4U | static_cast<unsigned>(complaint)), {}};
}

T1Block supervisory_block(T1Supervisory about, bool is_response, ByteView inf) {
  return {low_byte(kSupervisory | (is_response ? 0x20U : 0U) | static_cast<unsigned>(about)),
          Bytes(inf.begin(), inf.end())};
}

Bytes encode(const T1Block& block, bool uses_crc) {
  Bytes raw{/*NAD=*/0, block.pcb, low_byte(block.inf.size())};
  append(raw, block.inf);
  append(raw, uses_crc ? crc(raw) : lrc(raw));
  return raw;
}

std::optional<T1Block> decode_block(ByteView raw, bool uses_crc) {
  const std::size_t epilogue = epilogue_bytes(uses_crc);
  if (raw.size() < kT1PrologueBytes + epilogue) return std::nullopt;
  const std::size_t length = raw[2];
  if (length > kT1InfMax || raw.size() != kT1PrologueBytes + length + epilogue) {
    return std::nullopt;
  }
  const ByteView checked = raw.first(kT1PrologueBytes + length);
  if (!std::ranges::equal(uses_crc ? crc(checked) : lrc(checked), raw.last(epilogue))) {
    return std::nullopt;
  }
  const ByteView inf = checked.subspan(kT1PrologueBytes);
  T1Block block{raw[1], Bytes(inf.begin(), inf.end())};
  if (!pcb_is_valid(block)) return std::nullopt;
  return block;
}

}  // namespace cardea::ccid
