// From the answer to reset to the parameters of the line: ISO/IEC 7816-3:2006 sections 8 to 11, and
// the data of PC_to_RDR_SetParameters (CCID Rev 1.1, 6.1.7). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "drivers/ccid/bytes.hpp"

namespace cardea::ccid {

constexpr std::size_t kAtrBytesMax = 33;
constexpr std::uint8_t kDefaultFiDi = 0x11;  ///< F = 372, D = 1
constexpr int kUnknownTimeoutMs = 60'000;

enum class Protocol : std::uint8_t { t0 = 0, t1 = 1 };

struct AtrInfo {
  bool inverse_convention = false;
  std::optional<std::uint8_t> ta1;    ///< F and D the card can do
  std::optional<std::uint8_t> ta2;    ///< present: specific mode
  std::uint8_t extra_guard_time = 0;  ///< TC1, N
  std::uint8_t waiting_integer = 10;  ///< TC2, WI of T=0
  std::uint8_t ifsc = 32;             ///< of T=1, bytes
  std::uint8_t bwi_cwi = 0x4D;        ///< of T=1
  bool uses_crc = false;              ///< of T=1; else LRC
  std::uint16_t protocols = 1;        ///< bit n: T=n is offered
  std::uint8_t default_protocol = 0;  ///< in force after the reset

  [[nodiscard]] bool offers(Protocol protocol) const {
    return (protocols >> static_cast<unsigned>(protocol) & 1U) != 0;
  }
};

/// Nothing if the ATR has no valid TS or ends amidst its interface bytes. Historical bytes and
/// check byte are not looked at: readers differ in what they leave of them.
std::optional<AtrInfo> parse_atr(ByteView atr);

/// What the reader can do.
struct LineLimits {
  std::uint32_t clock_khz = 0;
  std::uint32_t max_rate_bps = 0;
  std::span<const std::uint32_t> rates_bps;  ///< empty: any up to the maximum
};

/// F and D (coded as TA1) to use with this card: its own TA1 if the reader keeps up, a slower one
/// of the same F if not, else the default. Nothing for a card in specific mode at a rate the reader
/// has not got, or with implicit values.
std::optional<std::uint8_t> choose_fi_di(const AtrInfo& atr, const LineLimits& limits);

/// Bits per second; 0 for codes that are reserved.
std::uint32_t rate_bps(std::uint8_t fi_di, std::uint32_t clock_khz);

/// The data of SetParameters: 5 bytes for T=0, 7 for T=1.
Bytes line_parameters(const AtrInfo& atr, Protocol protocol, std::uint8_t fi_di);

/// How long the longest exchange of one block or TPDU may take, in milliseconds;
/// kUnknownTimeoutMs where the values do not tell.
int exchange_timeout_ms(const AtrInfo& atr, Protocol protocol, std::uint8_t fi_di,
                        std::uint32_t clock_khz);

}  // namespace cardea::ccid
