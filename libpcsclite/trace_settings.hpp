// What the environment asks of the layer above the library's functions: a trace, debug output, a
// delegate. Read once, by the first call of the process, and ignored where the process has more
// rights than its user (secure_getenv): a delegate is code, a trace is a file.
#pragma once

#include <optional>
#include <string>

namespace cardea {

/// Which calls PCSCLITE_DEBUG prints on stderr.
enum class DebugCalls { none, failed, all };

struct TraceSettings {
  std::string delegate;    ///< LIBPCSCLITE_DELEGATE: file name or path for dlopen; empty: none
  std::string trace_path;  ///< CARDEA_TRACE: file or datagram socket; empty: none
  DebugCalls debug = DebugCalls::none;  ///< PCSCLITE_DEBUG
  bool show_pins = false;               ///< CARDEA_TRACE_PINS=1: PINs are not masked

  [[nodiscard]] bool traces() const noexcept {
    return !trace_path.empty() || debug != DebugCalls::none;
  }
};

/// nullptr for a variable that is not set, as getenv.
using GetVariable = const char* (*)(const char* name);

TraceSettings read_trace_settings(GetVariable get);

}  // namespace cardea
