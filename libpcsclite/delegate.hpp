// A library that gets all calls in place of ours: LIBPCSCLITE_DELEGATE, as pcsc-lite 2.1 has it.
// Usually it watches or filters and hands them on to us, so a thread that is inside it is marked:
// what it calls then goes to our own implementation. A thread that the delegate starts itself is
// not marked and gets back to the delegate. The library stays loaded for ever.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "libpcsclite/functions.hpp"

namespace cardea {

/// The functions of the library `name` (as for dlopen); nothing if `name` is this library itself,
/// which then serves. The Error says what is wrong. Any thread; call within InsideDelegate.
Result<std::optional<Functions>> load_delegate(const char* name);

/// Every function answers SCARD_F_INTERNAL_ERROR, as with pcsc-lite: for a delegate that cannot be
/// had. Whoever asked for one would not want to be served without it.
Functions refusing_functions();

/// Marks the thread while it lives.
class InsideDelegate {
 public:
  InsideDelegate() noexcept { ++depth_; }
  ~InsideDelegate() { --depth_; }
  InsideDelegate(const InsideDelegate&) = delete;
  InsideDelegate& operator=(const InsideDelegate&) = delete;

  static bool is_marked() noexcept { return depth_ > 0; }

 private:
  static thread_local int depth_;
};

}  // namespace cardea
