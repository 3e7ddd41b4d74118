// The edge between C callers and C++: no exception leaves, and pthread_cancel() does not end a
// thread in the middle of a call, with the context locked and an answer outstanding. It takes
// effect after the call; SCardCancel ends a call that waits.
#pragma once

#include <pcsclite.h>
#include <pthread.h>

#include <new>

#include "base/scard_rv.hpp"

namespace cardea {

constexpr LONG to_long(ScardRv rv) noexcept { return static_cast<LONG>(to_wire(rv)); }

/// Holds off pthread_cancel() while it lives. Bound to its thread.
class NoPthreadCancel {
 public:
  NoPthreadCancel() { (void)::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~NoPthreadCancel() { (void)::pthread_setcancelstate(before_, nullptr); }
  NoPthreadCancel(const NoPthreadCancel&) = delete;
  NoPthreadCancel& operator=(const NoPthreadCancel&) = delete;

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

/// Runs `body`, a function that returns ScardRv.
template <typename Body>
LONG guarded(Body body) noexcept {
  // COMPAT: pcsc-lite's wait is a cancellation point, and leaves the context locked for ever.
  const NoPthreadCancel no_cancel;
  try {
    return to_long(body());
  } catch (const std::bad_alloc&) {
    return SCARD_E_NO_MEMORY;
  } catch (...) {
    return SCARD_F_INTERNAL_ERROR;
  }
}

}  // namespace cardea
