// Bytes in the text that drivers log. A driver prints what it sends in its own form (CCID messages,
// blocks of T=1, the data of T=0 without its header), in which nobody can tell a PIN from
// anything else. So no run of bytes in hexadecimal is passed on, only its length. Not seen: bytes
// printed one by one, as characters or as decimal numbers. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cardea {

/// From this many bytes in several words on ("31 32 33 34", "00200081 04") it is a run.
inline constexpr std::size_t kRunBytesMin = 4;
/// From this many in one word on: numbers of 32 bits ("0x80100017") are none.
inline constexpr std::size_t kWordBytesMin = 5;

/// What stands in the place of `bytes` bytes.
std::string hidden_bytes(std::size_t bytes);

/// `text` with hidden_bytes() for each run of bytes in hexadecimal.
std::string without_dumps(std::string_view text);

}  // namespace cardea
