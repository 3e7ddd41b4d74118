// PC/SC's rules for giving variable-length data to the application: a buffer with its size, no
// buffer to ask for the size, or SCARD_AUTOALLOCATE. Allocated blocks come from malloc, because
// applications free them with SCardFreeMemory or with free. Pure functions; any thread.
#pragma once

#include <pcsclite.h>

#include <cstddef>
#include <span>

#include "base/scard_rv.hpp"

namespace cardea {

/// What a buffer that is too small for its data receives.
enum class WhenShort { nothing, first_bytes };

/// Copies `data` to `buffer`, which holds `capacity` bytes, or is NULL (only the size is asked),
/// or points to a pointer if capacity is SCARD_AUTOALLOCATE. Results: success,
/// insufficient_buffer, invalid_parameter (allocation asked without a pointer), no_memory.
[[nodiscard]] ScardRv give_bytes(std::span<const std::byte> data, void* buffer, DWORD capacity,
                                 WhenShort when_short);

}  // namespace cardea
