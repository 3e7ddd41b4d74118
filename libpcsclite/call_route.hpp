// The way of a call: straight to our own implementation, or through a trace, to a delegate, or
// both. Decided by the first call of the process and then for good. Thread-safe.
// COMPAT: pcsc-lite looks for a delegate when the first context is established; calls before that
// fail, and would be missing in a trace.
#pragma once

#include <atomic>

#include "libpcsclite/delegate.hpp"
#include "libpcsclite/functions.hpp"
#include "libpcsclite/tracer.hpp"

namespace cardea {

class CallRoute {
 public:
  /// `functions` are a delegate's if `delegated`. `tracer` may be null and outlives the route.
  constexpr CallRoute(Functions functions, bool delegated, Tracer* tracer)
      : functions_(functions), delegated_(delegated), tracer_(tracer) {}

  /// Runs one of the calls of traced_calls.hpp.
  template <typename Call>
  LONG operator()(Call call) const {
    if (tracer_ == nullptr) return run(call);
    const Tracer::Started started =
        tracer_->begin(Call::kName, Call::kMayWait,
                       [&call](JsonObject& object, TraceView& view) { call.in(object, view); });
    const LONG rv = run(call);
    tracer_->end(started, rv,
                 [&call, rv](JsonObject& object, TraceView& view) { call.out(object, view, rv); });
    return rv;
  }

 private:
  template <typename Call>
  LONG run(const Call& call) const {
    if (!delegated_) return call.run(functions_);
    const InsideDelegate mark;
    return call.run(functions_);
  }

  Functions functions_;
  bool delegated_;
  Tracer* tracer_;
};

/// Null when nothing is switched on; at first a mark that this is not decided yet.
extern std::atomic<const CallRoute*> g_call_route;

/// Decides if need be. Null for a thread that is inside the delegate.
const CallRoute* settle_call_route() noexcept;

/// Null: straight to our own implementation. This is all that a call costs then.
inline const CallRoute* call_route() noexcept {
  if (g_call_route.load(std::memory_order_acquire) == nullptr) [[likely]]
    return nullptr;
  return settle_call_route();
}

}  // namespace cardea
