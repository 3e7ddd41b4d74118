// Blocks of T=1: ISO/IEC 7816-3:2006, 11.3. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "drivers/ccid/bytes.hpp"

namespace cardea::ccid {

constexpr std::size_t kT1PrologueBytes = 3;
constexpr std::size_t kT1InfMax = 254;

enum class T1Kind : std::uint8_t { information, receive_ready, supervisory };

/// What an S-block is about: the low bits of its PCB.
enum class T1Supervisory : std::uint8_t { resynch = 0, ifs = 1, abort = 2, wtx = 3 };

/// What an R-block complains about.
enum class T1Complaint : std::uint8_t { none = 0, checksum = 1, other = 2 };

struct T1Block {
  std::uint8_t pcb = 0;
  Bytes inf;

  [[nodiscard]] T1Kind kind() const;
  /// N(S) of an I-block, N(R) of an R-block.
  [[nodiscard]] unsigned sequence() const;
  [[nodiscard]] bool more() const { return (pcb & 0x20U) != 0; }         ///< M of an I-block
  [[nodiscard]] bool is_response() const { return (pcb & 0x20U) != 0; }  ///< of an S-block
  [[nodiscard]] T1Supervisory about() const { return static_cast<T1Supervisory>(pcb & 0x1FU); }
};

T1Block information_block(unsigned sequence, bool more, ByteView inf);
T1Block receive_ready_block(unsigned sequence, T1Complaint complaint);
T1Block supervisory_block(T1Supervisory about, bool is_response, ByteView inf = {});

/// The bytes on the line, NAD 0.
Bytes encode(const T1Block& block, bool uses_crc);

/// Nothing if the length or the checksum is wrong or the PCB is reserved.
std::optional<T1Block> decode_block(ByteView raw, bool uses_crc);

/// Bytes of the epilogue: 1 for LRC, 2 for CRC.
constexpr std::size_t epilogue_bytes(bool uses_crc) { return uses_crc ? 2 : 1; }

}  // namespace cardea::ccid
