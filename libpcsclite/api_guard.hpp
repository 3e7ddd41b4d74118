// The edge between C callers and C++: no exception leaves, and a thread is not cancelled in the
// middle of a request.
#pragma once

#include <cxxabi.h>
#include <pcsclite.h>

#include <new>

#include "base/scard_rv.hpp"
#include "libpcsclite/cancellation.hpp"

namespace cardea {

constexpr LONG to_long(ScardRv rv) noexcept { return static_cast<LONG>(to_wire(rv)); }

/// Runs `body`, a function that returns ScardRv.
template <typename Body>
LONG guarded(Body body) noexcept {
  const PthreadCancel disabled(PTHREAD_CANCEL_DISABLE);
  try {
    return to_long(body());
  } catch (const std::bad_alloc&) {
    return SCARD_E_NO_MEMORY;
  } catch (...) {
    return SCARD_F_INTERNAL_ERROR;
  }
}

/// For a body that enables cancellation somewhere: the unwinding of a cancelled thread is no
/// exception of ours and has to pass.
template <typename Body>
LONG guarded_but_cancellable(Body body) {
  const PthreadCancel disabled(PTHREAD_CANCEL_DISABLE);
  try {
    return to_long(body());
  } catch (const std::bad_alloc&) {
    return SCARD_E_NO_MEMORY;
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    return SCARD_F_INTERNAL_ERROR;
  }
}

}  // namespace cardea
