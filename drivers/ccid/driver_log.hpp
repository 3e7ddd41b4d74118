// The driver's way to the host's log. The host exports log_msg() and log_xxd() to its drivers; a
// host that does not is served as well, only without log lines. Thread-safe as far as the host's
// functions are.
#pragma once

#include <string>

#include "debuglog.h"
#include "drivers/ccid/bytes.hpp"

namespace cardea::ccid {

/// One line, prefixed with the driver's name. `priority` is one of PCSC_LOG_*.
void log_line(int priority, const std::string& text) noexcept;

/// The same with bytes in hexadecimal behind it, at debug priority.
void log_bytes(const char* text, ByteView bytes) noexcept;

/// "0x1F": codes in log lines.
std::string hex(unsigned value);

}  // namespace cardea::ccid
