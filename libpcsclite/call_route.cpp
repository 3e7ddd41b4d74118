#include "libpcsclite/call_route.hpp"

#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "libpcsclite/trace_settings.hpp"

namespace cardea {
namespace {

constinit const CallRoute g_undecided{Functions{}, false, nullptr};

/// Never destroyed: threads may be inside calls while the process exits.
Tracer* g_tracer = nullptr;

void prepare_fork() { g_tracer->prepare_fork(); }
void after_fork() { g_tracer->after_fork(); }

const char* safe_variable(const char* name) { return ::secure_getenv(name); }

Tracer* make_tracer(const TraceSettings& settings) {
  std::unique_ptr<TraceSink> sink;
  if (!settings.trace_path.empty()) {
    auto opened = TraceSink::to_path(settings.trace_path);
    if (opened) {
      sink = std::move(*opened);
    } else {
      std::fprintf(stderr,
                   "libpcsclite: cannot trace to %s. Calls work, without a trace. "
                   "Correct CARDEA_TRACE or unset it.\n",
                   opened.error().context.c_str());
    }
  }
  if (sink == nullptr && settings.debug == DebugCalls::none) return nullptr;
  return new Tracer(std::move(sink), settings.debug, settings.show_pins);
}

/// True if `functions` became those of another library.
bool use_delegate(const std::string& name, Functions& functions) {
  if (name.empty()) return false;
  const InsideDelegate mark;
  const auto loaded = load_delegate(name.c_str());
  if (!loaded) {
    std::fprintf(stderr,
                 "libpcsclite: cannot use LIBPCSCLITE_DELEGATE=%s: %s. All calls fail "
                 "with SCARD_F_INTERNAL_ERROR. Name a library that has all functions of winscard.h,"
                 " or unset the variable.\n",
                 name.c_str(), loaded.error().context.c_str());
    functions = refusing_functions();
    return true;
  }
  if (!*loaded) return false;
  functions = **loaded;
  return true;
}

const CallRoute* decide() {
  const TraceSettings settings = read_trace_settings(safe_variable);
  Functions functions;
  const bool delegated = use_delegate(settings.delegate, functions);
  if (settings.traces()) g_tracer = make_tracer(settings);
  if (g_tracer != nullptr) (void)::pthread_atfork(prepare_fork, after_fork, after_fork);
  if (!delegated && g_tracer == nullptr) return nullptr;
  return new CallRoute(functions, delegated, g_tracer);
}

}  // namespace

constinit std::atomic<const CallRoute*> g_call_route{&g_undecided};

const CallRoute* settle_call_route() noexcept {
  if (InsideDelegate::is_marked()) return nullptr;
  static std::once_flag once;
  try {
    if (g_call_route == &g_undecided) {
      std::call_once(once, [] { g_call_route = decide(); });
    }
  } catch (...) {
    g_call_route = nullptr;  // no memory: the calls themselves may be possible
  }
  return g_call_route;
}

}  // namespace cardea
