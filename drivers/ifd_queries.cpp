#include "drivers/ifd_queries.hpp"

#include <array>
#include <optional>

#include "include/PCSC/ifdhandler.h"

namespace cardea {
namespace {

/// nullopt unless the driver succeeds with a length of exactly 1.
std::optional<unsigned> one_byte(IfdDriver& driver, std::uint32_t tag) {
  std::array<std::byte, 1> value{};
  std::size_t length = 0;
  if (driver.get_capability(tag, value, length) != IfdRv::success || length != value.size()) {
    return std::nullopt;
  }
  return std::to_integer<unsigned>(value[0]);
}

unsigned count(IfdDriver& driver, std::uint32_t tag) {
  const unsigned value = one_byte(driver, tag).value_or(1);
  return value > 1 ? value : 1;
}

}  // namespace

unsigned slots_number(IfdDriver& driver) { return count(driver, TAG_IFD_SLOTS_NUMBER); }

unsigned simultaneous_access(IfdDriver& driver) {
  return count(driver, TAG_IFD_SIMULTANEOUS_ACCESS);
}

bool is_thread_safe(IfdDriver& driver) { return one_byte(driver, TAG_IFD_THREAD_SAFE) == 1u; }

bool is_slot_thread_safe(IfdDriver& driver) {
  return one_byte(driver, TAG_IFD_SLOT_THREAD_SAFE) == 1u;
}

void announce_removal(IfdDriver& driver) {
  if (one_byte(driver, TAG_IFD_DEVICE_REMOVED) != 1u) return;
  // What a driver makes of it changes nothing: its channel is closed next.
  (void)driver.set_capability(TAG_IFD_DEVICE_REMOVED, std::array{std::byte{1}});
}

}  // namespace cardea
