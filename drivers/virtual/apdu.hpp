// Command APDUs as ISO/IEC 7816-3, 12.1 lays them out: all short and extended cases.
#pragma once

#include <cstdint>
#include <optional>

#include "drivers/virtual/bytes.hpp"

namespace cardea::virtual_reader {

struct CommandApdu {
  std::uint8_t cla = 0;
  std::uint8_t ins = 0;
  std::uint8_t p1 = 0;
  std::uint8_t p2 = 0;
  ByteView data;                    ///< borrowed from the parsed bytes; empty if there is no Lc
  std::optional<std::uint32_t> le;  ///< 1..65536; 0 on the line is the largest of its form

  [[nodiscard]] unsigned p1p2() const { return static_cast<unsigned>(p1) << 8U | p2; }
};

/// Nothing if the length fields and the number of bytes disagree.
std::optional<CommandApdu> parse_apdu(ByteView bytes);

}  // namespace cardea::virtual_reader
