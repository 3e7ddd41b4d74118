#include "protocol/dialect.hpp"

#include <array>

#include "protocol/wire.hpp"

namespace cardea::wire {
namespace {

// minor, wait body, wait sends states, completion waits, states precede wait, events, sized array
constexpr std::array kDialects{
    Dialect{3, sizeof(WaitBody), false, false, true, false, false},
    Dialect{4, 0, true, false, false, false, false},
    Dialect{5, 0, true, false, false, true, false},
    Dialect{6, 0, false, true, false, true, true},
};
static_assert(kDialects.front().minor == kMinorOldest && kDialects.back().minor == kMinorNewest);

}  // namespace

const Dialect* find_dialect(std::int32_t major, std::int32_t minor) noexcept {
  if (major != kMajor) return nullptr;
  for (const Dialect& dialect : kDialects) {
    if (dialect.minor == minor) return &dialect;
  }
  return nullptr;
}

const Dialect& default_dialect() noexcept { return kDialects.front(); }
const Dialect& newest_dialect() noexcept { return kDialects.back(); }

std::optional<std::uint32_t> body_bytes(const Dialect& dialect, Command command) noexcept {
  switch (command) {
    case Command::establish_context:
      return sizeof(Establish);
    case Command::release_context:
      return sizeof(Release);
    case Command::connect:
      return sizeof(Connect);
    case Command::reconnect:
      return sizeof(Reconnect);
    case Command::disconnect:
      return sizeof(Disconnect);
    case Command::begin_transaction:
      return sizeof(Begin);
    case Command::end_transaction:
      return sizeof(End);
    case Command::transmit:
      return sizeof(Transmit);
    case Command::control:
      return sizeof(Control);
    case Command::status:
      return sizeof(Status);
    case Command::cancel:
      return sizeof(Cancel);
    case Command::get_attrib:
    case Command::set_attrib:
      return sizeof(Attribute);
    case Command::version:
      return sizeof(Version);
    case Command::get_readers_state:
      return 0;
    case Command::wait_reader_state_change:
    case Command::stop_waiting_reader_state_change:
      return dialect.wait_body_bytes;
    case Command::get_reader_events:
      return dialect.has_reader_events ? std::optional<std::uint32_t>(0) : std::nullopt;
    case Command::get_readers_state_size:
    case Command::get_readers_state_array:
      return dialect.has_sized_array ? std::optional<std::uint32_t>(0) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace cardea::wire
