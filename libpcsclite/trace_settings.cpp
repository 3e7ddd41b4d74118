#include "libpcsclite/trace_settings.hpp"

#include <cstdlib>
#include <string_view>

namespace cardea {
namespace {

/// COMPAT: pcsc-lite prints lines of its source, we print calls. Its levels: 0 debug, 1 info, 2
/// error, 3 critical, from 4 on nothing. Digits count up to the first other character, and what has
/// none is 0.
DebugCalls debug_calls(const char* level) {
  if (level == nullptr) return DebugCalls::none;
  const long value = std::strtol(level, nullptr, 10);
  if (value >= 4) return DebugCalls::none;
  return value >= 2 ? DebugCalls::failed : DebugCalls::all;
}

}  // namespace

TraceSettings read_trace_settings(GetVariable get) {
  const auto text = [get](const char* name) {
    const char* const value = get(name);
    return std::string(value != nullptr ? value : "");
  };
  TraceSettings settings;
  settings.delegate = text("LIBPCSCLITE_DELEGATE");
  settings.trace_path = text("CARDEA_TRACE");
  settings.debug = debug_calls(get("PCSCLITE_DEBUG"));
  settings.show_pins = text("CARDEA_TRACE_PINS") == "1";
  return settings;
}

}  // namespace cardea
