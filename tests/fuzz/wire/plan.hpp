// The first bytes of an input of wire_fuzz: under which circumstances the client talks. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/dialect.hpp"
#include "tests/fuzz/wire/session.hpp"

namespace cardea::fuzz {

inline constexpr std::size_t kPlanBytes = 2;

/// Byte 0, bits 0 to 2: the dialect (4 and more: none agreed yet); bit 3: access is asked for;
/// bit 4: bytes come in pieces; bit 5: cards move and time passes; bits 6 and 7: driver faults.
inline WireSession::Plan plan_of(const std::uint8_t* data) {
  WireSession::Plan plan;
  const unsigned version = data[0] & 7U;
  if (version < 4) {
    plan.dialect =
        wire::find_dialect(wire::kMajor, wire::kMinorOldest + static_cast<std::int32_t>(version));
  }
  plan.asks = (data[0] & 0x08U) != 0;
  plan.chunks = (data[0] & 0x10U) != 0;
  plan.restless = (data[0] & 0x20U) != 0;
  plan.faults = (data[0] >> 6U) * 12U;
  plan.seed = data[1];
  return plan;
}

}  // namespace cardea::fuzz
