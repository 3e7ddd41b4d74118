// Makes one record of a call and gives it to the sinks. The records are JSON, one object per line
// (man cardea-trace has the members). Calls that may wait have a record of their beginning too,
// so that one that hangs is visible. A tracer that fails is silent. Thread-safe.
#pragma once

#include <winscard.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "libpcsclite/json_object.hpp"
#include "libpcsclite/trace_settings.hpp"
#include "libpcsclite/trace_sink.hpp"
#include "libpcsclite/trace_view.hpp"

namespace cardea {

class Tracer {
 public:
  /// Fills in the parameters of a call.
  using Describe = std::function<void(JsonObject& object, TraceView& view)>;

  /// A call in progress; on the stack of its thread.
  struct Started {
    const char* function = "";
    std::uint64_t number = 0;  ///< counts the calls of the process; joins begin and end
    std::chrono::system_clock::time_point time;
    TimePoint start;
    std::string parameters;
  };

  /// `sink` (may be null) gets every record, stderr those that `debug` chooses.
  Tracer(std::unique_ptr<TraceSink> sink, DebugCalls debug, bool show_pins);

  Started begin(const char* function, bool may_wait, const Describe& parameters) noexcept;
  void end(const Started& call, LONG rv, const Describe& results) noexcept;

  /// Around fork().
  void prepare_fork();
  void after_fork();

 private:
  void write(const std::string& record, bool on_stderr);

  TraceView view_;
  const std::unique_ptr<TraceSink> sink_;
  const std::unique_ptr<TraceSink> stderr_;
  const DebugCalls debug_;
  std::atomic<std::uint64_t> calls_{0};
};

}  // namespace cardea
