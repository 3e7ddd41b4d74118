#include "libpcsclite/out_buffer.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace cardea {

ScardRv give_bytes(std::span<const std::byte> data, void* buffer, DWORD capacity,
                   WhenShort when_short) {
  if (capacity == SCARD_AUTOALLOCATE) {
    if (buffer == nullptr) return ScardRv::invalid_parameter;
    void* const block = std::malloc(std::max<std::size_t>(data.size(), 1));
    if (block == nullptr) return ScardRv::no_memory;
    if (!data.empty()) std::memcpy(block, data.data(), data.size());
    std::memcpy(buffer, &block, sizeof block);  // the caller's pointer, whatever its type
    return ScardRv::success;
  }
  if (buffer == nullptr) return ScardRv::success;
  const bool fits = data.size() <= capacity;
  const std::size_t bytes = fits ? data.size() : std::size_t{capacity};
  if ((fits || when_short == WhenShort::first_bytes) && bytes > 0) {
    std::memcpy(buffer, data.data(), bytes);
  }
  return fits ? ScardRv::success : ScardRv::insufficient_buffer;
}

}  // namespace cardea
