#include "libpcsclite/tracer.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "base/scard_rv.hpp"
#include "libpcsclite/api_guard.hpp"

namespace cardea {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

/// Programs call SCardCancel in signal handlers. Such a call must not meet a half-made record of
/// the same thread, with its locks. Holds signals back while it lives; bound to its thread.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    ::sigfillset(&all);
    (void)::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { (void)::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_{};
};

/// What begin and end have in common. Seconds since 1970 with six decimals.
JsonObject record_head(const char* event, const Tracer::Started& call) {
  const auto time = duration_cast<microseconds>(call.time.time_since_epoch()).count();
  char seconds[40];
  std::snprintf(seconds, sizeof seconds, "%lld.%06lld", static_cast<long long>(time / 1000000),
                static_cast<long long>(time % 1000000));
  JsonObject record;
  record.text("event", event);
  record.raw("time", seconds);
  record.number("pid", static_cast<std::uint64_t>(::getpid()));
  record.number("tid", static_cast<std::uint64_t>(::gettid()));
  record.number("call", call.number);
  record.text("function", call.function);
  record.raw("in", call.parameters);
  return record;
}

}  // namespace

Tracer::Tracer(std::unique_ptr<TraceSink> sink, DebugCalls debug, bool show_pins)
    : view_(show_pins),
      sink_(std::move(sink)),
      stderr_(debug == DebugCalls::none ? nullptr : TraceSink::to_stderr()),
      debug_(debug) {}

void Tracer::write(const std::string& record, bool on_stderr) {
  if (sink_ != nullptr) sink_->write(record);
  if (on_stderr) stderr_->write(record);
}

Tracer::Started Tracer::begin(const char* function, bool may_wait,
                              const Describe& parameters) noexcept {
  const NoPthreadCancel no_cancel;
  const NoSignals no_signals;
  Started call;
  call.function = function;
  call.number = ++calls_;
  try {
    JsonObject object;
    parameters(object, view_);
    call.parameters = object.str();
    call.time = std::chrono::system_clock::now();
    call.start = Clock::now();
    if (may_wait) write(record_head("begin", call).str(), debug_ == DebugCalls::all);
  } catch (...) {
    call.parameters = "{}";  // no memory: the call may still be possible
  }
  return call;
}

void Tracer::end(const Started& call, LONG rv, const Describe& results) noexcept {
  const NoPthreadCancel no_cancel;
  const NoSignals no_signals;
  const auto took = duration_cast<microseconds>(Clock::now() - call.start).count();
  try {
    JsonObject record = record_head("end", call);
    const auto code = static_cast<std::uint32_t>(rv);
    record.text("rv", to_string(static_cast<ScardRv>(code)));
    record.number("code", code);
    record.number("duration_us", static_cast<std::uint64_t>(took));
    JsonObject object;
    results(object, view_);
    record.raw("out", object.str());
    const bool failed = rv != SCARD_S_SUCCESS;
    write(record.str(), debug_ == DebugCalls::all || (debug_ == DebugCalls::failed && failed));
  } catch (...) {
    // No memory for a record.
  }
}

void Tracer::prepare_fork() {
  if (sink_ != nullptr) sink_->prepare_fork();
  if (stderr_ != nullptr) stderr_->prepare_fork();
}

void Tracer::after_fork() {
  if (stderr_ != nullptr) stderr_->after_fork();
  if (sink_ != nullptr) sink_->after_fork();
}

}  // namespace cardea
