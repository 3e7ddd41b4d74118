// pthread_cancel() and the library: a request must not be abandoned between its two halves, so
// calls disable cancellation, except in the one wait that may last for ever. The destructor
// restores what was set before. Bound to its thread.
#pragma once

#include <pthread.h>

namespace cardea {

class PthreadCancel {
 public:
  /// PTHREAD_CANCEL_ENABLE or PTHREAD_CANCEL_DISABLE.
  explicit PthreadCancel(int state) { (void)::pthread_setcancelstate(state, &before_); }
  ~PthreadCancel() { (void)::pthread_setcancelstate(before_, nullptr); }
  PthreadCancel(const PthreadCancel&) = delete;
  PthreadCancel& operator=(const PthreadCancel&) = delete;

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace cardea
