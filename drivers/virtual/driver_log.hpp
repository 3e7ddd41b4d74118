// The driver's way to the host's log. The host exports log_msg() to its drivers; a host that does
// not is served as well, only without log lines. Thread-safe as far as the host's log_msg() is.
#pragma once

#include <string>

#include "debuglog.h"

namespace cardea::virtual_reader {

/// One line, prefixed with the driver's name. `priority` is one of PCSC_LOG_*.
void log_line(int priority, const std::string& text) noexcept;

}  // namespace cardea::virtual_reader
