#include "drivers/ccid/card_parameters.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace cardea::ccid {
namespace {

constexpr std::uint8_t kDirectConvention = 0x3B;
constexpr std::uint8_t kInverseConvention = 0x3F;
constexpr std::uint8_t kIfscMax = 254;
constexpr std::uint8_t kNoExtraGuardTime = 0xFF;
constexpr int kT0TimeoutMsMin = 3'000;
constexpr int kT1MarginMs = 1'000;
constexpr int kTimeoutMsMax = 600'000;
/// A card too fast for the reader with a code of up to the first is tried down to the second.
constexpr std::uint8_t kFastestFallback = 0x97;
constexpr std::uint8_t kSlowestFallback = 0x94;

/// Tables 7 and 8 of 7816-3; 0: reserved.
constexpr std::array<std::uint32_t, 16> kF{372, 372, 558, 744,  1116, 1488, 1860, 0,
                                           0,   512, 768, 1024, 1536, 2048, 0,    0};
constexpr std::array<std::uint32_t, 16> kD{0, 1, 2, 4, 8, 16, 32, 64, 12, 20, 0, 0, 0, 0, 0, 0};

/// Walks through the interface bytes of an ATR (8.2.3).
class AtrReader {
 public:
  explicit AtrReader(ByteView atr) : atr_(atr) {}

  bool read(AtrInfo& info) {
    std::uint8_t present = atr_[1] >> 4U;
    std::uint8_t type = 0;
    for (unsigned group = 1;; ++group) {
      std::array<std::optional<std::uint8_t>, 4> bytes;
      for (unsigned i = 0; i < bytes.size(); ++i) {
        if ((present >> i & 1U) == 0) continue;
        if (at_ >= atr_.size()) return false;
        bytes[i] = atr_[at_++];
      }
      take_group(info, group, type, bytes);
      if (!bytes[3]) break;
      present = *bytes[3] >> 4U;
      type = *bytes[3] & 0x0FU;
      take_type(info, group, type);
    }
    if (info.ta2) {
      info.default_protocol = *info.ta2 & 0x0FU;
      info.protocols = static_cast<std::uint16_t>(1U << info.default_protocol);
    }
    return true;
  }

 private:
  using Group = std::array<std::optional<std::uint8_t>, 4>;

  static void take_type(AtrInfo& info, unsigned group, std::uint8_t type) {
    constexpr std::uint8_t kGlobalBytes = 15;  // not a protocol
    if (type == kGlobalBytes) return;
    if (group == 1) {
      info.default_protocol = type;
      info.protocols = 0;
    }
    info.protocols = static_cast<std::uint16_t>(info.protocols | 1U << type);
  }

  void take_group(AtrInfo& info, unsigned group, std::uint8_t type, const Group& bytes) {
    if (group == 1) {
      info.ta1 = bytes[0];
      if (bytes[2]) info.extra_guard_time = *bytes[2];
    } else if (group == 2) {
      info.ta2 = bytes[0];
      if (bytes[2] && *bytes[2] != 0) info.waiting_integer = *bytes[2];
    } else if (type == 1 && !t1_seen_) {
      t1_seen_ = true;  // only the first such group counts (11.4)
      if (bytes[0] && *bytes[0] >= 1) info.ifsc = std::min(*bytes[0], kIfscMax);
      if (bytes[1]) info.bwi_cwi = *bytes[1];
      if (bytes[2]) info.uses_crc = (*bytes[2] & 1U) != 0;
    }
  }

  ByteView atr_;
  std::size_t at_ = 2;
  bool t1_seen_ = false;
};

bool reader_has(std::uint32_t rate, const LineLimits& limits) {
  // Both sides round, so one more or less is the same.
  if (rate == 0 || (rate > limits.max_rate_bps && rate - limits.max_rate_bps > 1)) return false;
  return limits.rates_bps.empty() ||
         std::ranges::any_of(limits.rates_bps, [rate](std::uint32_t listed) {
           return listed + 1 >= rate && listed <= rate + 1;
         });
}

double etu_ms(std::uint8_t fi_di, std::uint32_t clock_khz) {
  const double f = kF[fi_di >> 4U];
  const double d = kD[fi_di & 0x0FU];
  return f / d / clock_khz;
}

}  // namespace

std::optional<AtrInfo> parse_atr(ByteView atr) {
  if (atr.size() < 2 || atr.size() > kAtrBytesMax) return std::nullopt;
  if (atr[0] != kDirectConvention && atr[0] != kInverseConvention) return std::nullopt;
  AtrInfo info;
  info.inverse_convention = atr[0] == kInverseConvention;
  if (!AtrReader(atr).read(info)) return std::nullopt;
  return info;
}

std::uint32_t rate_bps(std::uint8_t fi_di, std::uint32_t clock_khz) {
  const std::uint64_t f = kF[fi_di >> 4U];
  const std::uint64_t d = kD[fi_di & 0x0FU];
  if (f == 0 || d == 0) return 0;
  const std::uint64_t rate = std::uint64_t{1000} * clock_khz * d / f;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(rate, 0xFFFF'FFFE));
}

std::optional<std::uint8_t> choose_fi_di(const AtrInfo& atr, const LineLimits& limits) {
  constexpr std::uint8_t kImplicitValues = 0x10;  // b5 of TA2
  if (atr.ta2 && (*atr.ta2 & kImplicitValues) != 0) return std::nullopt;
  const std::uint8_t wanted = atr.ta1.value_or(kDefaultFiDi);
  if (wanted == kDefaultFiDi) return kDefaultFiDi;
  const std::uint32_t wanted_rate = rate_bps(wanted, limits.clock_khz);
  if (atr.ta2) {
    // Specific mode: that rate is in force already, there is no choice.
    if (!reader_has(wanted_rate, limits)) return std::nullopt;
    return wanted;
  }
  const std::uint32_t default_rate = rate_bps(kDefaultFiDi, limits.clock_khz);
  if (wanted_rate <= default_rate) return kDefaultFiDi;
  if (reader_has(wanted_rate, limits)) return wanted;
  if (wanted > kFastestFallback) return kDefaultFiDi;
  // A card takes lower D of the F it names (9.2).
  for (unsigned lower = wanted - 1U; lower >= kSlowestFallback; --lower) {
    if (reader_has(rate_bps(low_byte(lower), limits.clock_khz), limits)) return low_byte(lower);
  }
  return kDefaultFiDi;
}

Bytes line_parameters(const AtrInfo& atr, Protocol protocol, std::uint8_t fi_di) {
  const unsigned convention = atr.inverse_convention ? 2U : 0U;
  if (protocol == Protocol::t0) {
    return {fi_di, low_byte(convention), atr.extra_guard_time, atr.waiting_integer, 0};
  }
  const unsigned checksum = atr.uses_crc ? 1U : 0U;
  return {fi_di,
          low_byte(0x10U | convention | checksum),
          atr.extra_guard_time,
          atr.bwi_cwi,
          /*clock stop=*/0,
          atr.ifsc,
          /*NAD=*/0};
}

int exchange_timeout_ms(const AtrInfo& atr, Protocol protocol, std::uint8_t fi_di,
                        std::uint32_t clock_khz) {
  if (clock_khz == 0 || rate_bps(fi_di, clock_khz) == 0) return kUnknownTimeoutMs;
  const double etu = etu_ms(fi_di, clock_khz);
  const unsigned extra = atr.extra_guard_time == kNoExtraGuardTime ? 0 : atr.extra_guard_time;
  const double character = (12.0 + extra) * etu;
  double total = 0;
  if (protocol == Protocol::t0) {
    // A TPDU of up to 261 characters: either side may be the long one (10.2).
    const double waiting = 960.0 * atr.waiting_integer * kF[fi_di >> 4U] / clock_khz;
    total = std::max(261 * character + 6 * waiting, 5 * character + 260 * waiting);
    total = std::max<double>(total, kT0TimeoutMsMin);
  } else {
    const unsigned bwi = atr.bwi_cwi >> 4U;
    const unsigned cwi = atr.bwi_cwi & 0x0FU;
    // 11.4.3: BWT and CWT.
    const double block = 11 * etu + std::ldexp(960.0 * 372.0, static_cast<int>(bwi)) / clock_khz;
    const double inside = (11 + std::ldexp(1.0, static_cast<int>(cwi))) * etu;
    total = 260 * character + block + 260 * inside + kT1MarginMs;
  }
  return static_cast<int>(std::min<double>(std::ceil(total), kTimeoutMsMax));
}

}  // namespace cardea::ccid
