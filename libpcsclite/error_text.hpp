// The texts of pcsc_stringify_error(). Applications print them and some compare them, so they are
// part of the ABI, including which codes have none. Any thread.
#pragma once

#include <pcsclite.h>

#include <cstddef>
#include <span>

namespace cardea {

/// Room for every text, including "Unknown error: 0x" and 16 digits.
inline constexpr std::size_t kErrorTextBytes = 75;

/// Writes the NUL-terminated text for `code`. The whole LONG counts: a code that was stored in an
/// int and sign-extended is unknown, as with pcsc-lite.
void write_error_text(LONG code, std::span<char, kErrorTextBytes> text) noexcept;

}  // namespace cardea
