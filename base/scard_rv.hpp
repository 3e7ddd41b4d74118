// Return codes of PC/SC (PC/SC part 5; values as in pcsclite.h) as a type of their own.
#pragma once

#include <cstdint>
#include <string>

namespace cardea {

enum class ScardRv : std::uint32_t {
  success = 0,
  internal_error = 0x80100001,
  cancelled = 0x80100002,
  invalid_handle = 0x80100003,
  invalid_parameter = 0x80100004,
  invalid_target = 0x80100005,
  no_memory = 0x80100006,
  insufficient_buffer = 0x80100008,
  unknown_reader = 0x80100009,
  timeout = 0x8010000A,
  sharing_violation = 0x8010000B,
  no_smartcard = 0x8010000C,
  proto_mismatch = 0x8010000F,
  invalid_value = 0x80100011,
  comm_error = 0x80100013,
  not_transacted = 0x80100016,
  reader_unavailable = 0x80100017,
  no_service = 0x8010001D,
  service_stopped = 0x8010001E,
  unsupported_feature = 0x8010001F,
  no_readers_available = 0x8010002E,
  unresponsive_card = 0x80100066,
  unpowered_card = 0x80100067,
  reset_card = 0x80100068,
  removed_card = 0x80100069,
  security_violation = 0x8010006A,
};

/// The value as it travels on the wire.
constexpr std::uint32_t to_wire(ScardRv rv) noexcept { return static_cast<std::uint32_t>(rv); }

/// The name applications know, e.g. "SCARD_E_SHARING_VIOLATION"; "0x8010ABCD" for others.
std::string to_string(ScardRv rv);

}  // namespace cardea
