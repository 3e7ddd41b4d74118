// log_msg and log_xxd, which handlers import from the program that loads them (most of Debian's
// do not load without). They go to the log of the daemon. C entry points: any thread, no exception
// leaves. These two are all that a daemon may export to handlers (driver_host.list): anything
// else of the same name in a handler would be replaced by ours.
#define PCSC_API __attribute__((visibility("default")))
#include "include/PCSC/debuglog.h"

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <span>
#include <string>

#include "base/log.hpp"
#include "drivers/driver_text.hpp"
#include "drivers/log_exports.hpp"

namespace cardea {
namespace {

constexpr std::size_t kMessageBytesMax = 1024;
constexpr std::size_t kHexBytesMax = 512;

std::atomic<bool> g_driver_dumps{false};

log::Level level_of(int priority) {
  switch (priority) {
    case PCSC_LOG_DEBUG:
    // libccid tells the story of each reader it opens at this level: details, to a reader of our
    // log.
    case PCSC_LOG_INFO:
      return log::Level::debug;
    case PCSC_LOG_CRITICAL:
      return log::Level::critical;
    default:
      return log::Level::error;
  }
}

std::string line_of(const char* text) {
  return log::escape(g_driver_dumps ? std::string(text) : without_dumps(text));
}

std::string dump_of(std::span<const unsigned char> bytes) {
  return g_driver_dumps ? log::hex(bytes, kHexBytesMax) : hidden_bytes(bytes.size());
}

}  // namespace

void set_driver_dumps(bool shown) noexcept { g_driver_dumps = shown; }

}  // namespace cardea

extern "C" void log_msg(const int priority, const char* fmt, ...) {
  try {
    const cardea::log::Level level = cardea::level_of(priority);
    if (fmt == nullptr || !cardea::log::enabled(level)) return;
    char text[cardea::kMessageBytesMax];
    std::va_list arguments;
    va_start(arguments, fmt);
    const int length = std::vsnprintf(text, sizeof text, fmt, arguments);
    va_end(arguments);
    if (length >= 0)
      cardea::log::write(level, cardea::line_of(text), {}, cardea::log::Event::driver_message);
  } catch (...) {
    return;  // out of memory: the line is lost, the driver goes on
  }
}

extern "C" void log_xxd(const int priority, const char* msg, const unsigned char* buffer,
                        const int len) {
  try {
    const cardea::log::Level level = cardea::level_of(priority);
    if (len < 0 || !cardea::log::enabled(level)) return;
    std::string text = msg != nullptr ? cardea::line_of(msg) : std::string();
    if (buffer != nullptr) text += cardea::dump_of({buffer, static_cast<std::size_t>(len)});
    cardea::log::write(level, text, {}, cardea::log::Event::driver_message);
  } catch (...) {
    return;
  }
}
