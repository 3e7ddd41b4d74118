// The two shapes in which this driver passes bytes: a borrowed view and an owned buffer.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace cardea::virtual_reader {

using ByteView = std::span<const std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;

}  // namespace cardea::virtual_reader
