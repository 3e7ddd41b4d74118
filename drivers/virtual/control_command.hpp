// The commands of the control socket. A pure function.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "drivers/virtual/device_name.hpp"

namespace cardea::virtual_reader {

struct ControlCommand {
  enum class Verb { insert, remove, status, help };
  Verb verb = Verb::help;
  unsigned slot = 0;
  CardKind card = CardKind::hello;
  std::optional<AtrKind> atr;  ///< insert: none given means the reader's own
  bool unseen = false;         ///< remove: the reader does not announce it
};

/// `line` without its newline; `slots` is how many the reader has. The Error's context is what
/// the user is told.
Result<ControlCommand> parse_control_command(std::string_view line, unsigned slots);

/// One line per command, each ended by a newline.
std::string_view control_help();

}  // namespace cardea::virtual_reader
