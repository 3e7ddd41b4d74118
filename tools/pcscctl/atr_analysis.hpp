// What the bytes of an Answer To Reset mean: ISO/IEC 7816-3:2006 (8.2), historical bytes by ISO/IEC
// 7816-4:2020 (12.1.1), memory cards by PC/SC part 3 v2.01.09. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cardea::ctl {

using AtrView = std::span<const std::uint8_t>;

/// A few bytes and what they say.
struct AtrPart {
  std::string bytes;  ///< "3B"
  std::string name;   ///< "TS"; of parts of the historical bytes what they are
  std::string text;
};

struct AtrAnalysis {
  std::string atr;                    ///< "3B 00"
  std::vector<AtrPart> parts;         ///< in the order of the ATR
  std::vector<AtrPart> history;       ///< what the historical bytes consist of
  std::vector<std::string> problems;  ///< what is against the standard
  std::vector<std::string> names;     ///< of cards with this ATR; not filled by analyse_atr()
  std::vector<std::string> summary;   ///< what it comes to, most important first
};

/// Hexadecimal digits, in pairs or not, with blanks, ':' or "0x" between; nullopt: something else,
/// or more than 33 bytes.
std::optional<std::vector<std::uint8_t>> parse_atr(std::string_view text);

/// Any bytes are fine: what is missing or wrong becomes a problem.
AtrAnalysis analyse_atr(AtrView atr);

}  // namespace cardea::ctl
