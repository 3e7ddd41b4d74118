#include "drivers/virtual/driver_log.hpp"

// Weak: without it a host that exports no log_msg() could not load the driver at all.
extern "C" void log_msg(const int priority, const char* fmt, ...) __attribute__((weak));

namespace cardea::virtual_reader {

void log_line(int priority, const std::string& text) noexcept {
  if (&log_msg != nullptr) log_msg(priority, "virtual reader: %s", text.c_str());
}

}  // namespace cardea::virtual_reader
