// What a DEVICENAME of reader.conf says about a virtual reader. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "drivers/virtual/atr.hpp"

namespace cardea::virtual_reader {

inline constexpr unsigned kSlotsMax = 255;
/// What fits into sockaddr_un with its NUL.
inline constexpr std::size_t kSocketPathBytesMax = 107;

enum class CardKind { none, hello, mute };

/// Event: the driver offers a polling function; timer: it offers none, the host polls.
enum class PollMode { event, timer };

struct ReaderSettings {
  unsigned slots = 1;
  CardKind card = CardKind::hello;  ///< in every slot at the start
  AtrKind atr = AtrKind::t01;       ///< of that card, and of inserted ones by default
  std::string control;              ///< path of the control socket; empty: none
  /// Slot i listens on this port + i; 0: each slot on a port the system chooses. None: no vpcd.
  std::optional<std::uint16_t> vpcd_port;
  PollMode poll = PollMode::event;
};

/// A decimal number of lowest..highest without sign or blanks; nothing if it is none.
std::optional<unsigned> parse_number(std::string_view text, unsigned lowest, unsigned highest);

/// The settings, or an Error whose context says what is wrong, fit for a log line.
Result<ReaderSettings> parse_device_name(std::string_view name);

/// One line that shows how a device name should look.
std::string_view device_name_usage();

}  // namespace cardea::virtual_reader
