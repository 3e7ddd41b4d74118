#include "drivers/ccid/driver_log.hpp"

#include <array>
#include <cstdio>

// Weak: without them a host that exports no log functions could not load the driver at all.
extern "C" void log_msg(const int priority, const char* fmt, ...) __attribute__((weak));
extern "C" void log_xxd(const int priority, const char* msg, const unsigned char* buffer,
                        const int len) __attribute__((weak));

namespace cardea::ccid {

void log_line(int priority, const std::string& text) noexcept {
  if (&log_msg != nullptr) log_msg(priority, "ccid: %s", text.c_str());
}

void log_bytes(const char* text, ByteView bytes) noexcept {
  if (&log_xxd != nullptr) {
    log_xxd(PCSC_LOG_DEBUG, text, bytes.data(), static_cast<int>(bytes.size()));
  }
}

std::string hex(unsigned value) {
  std::array<char, 16> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "0x%02X", value);
  return buffer.data();
}

}  // namespace cardea::ccid
