// Who waits for card movements: turns the messages of the interrupt endpoint (CCID Rev 1.1, 6.3)
// into wake-ups of the slots they are about. Owned by the Reader.
//
// Threads: thread-safe. There is no thread behind it: one of the waiting threads reads for all.
#pragma once

#include <vector>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "drivers/ccid/bulk_pipe.hpp"
#include "ifdhandler.h"

namespace cardea::ccid {

class SlotChangeMonitor {
 public:
  /// `pipe` outlives this object.
  SlotChangeMonitor(BulkPipe& pipe, unsigned slots) : pipe_(pipe), due_(slots, false) {}

  /// Returns IFD_SUCCESS when the slot's card may have moved, wake() was called (also if that was
  /// before) or the time is over; IFD_NO_SUCH_DEVICE at once if the device is gone,
  /// IFD_COMMUNICATION_ERROR if the endpoint does not work. One thread per slot.
  RESPONSECODE wait(unsigned slot, milliseconds timeout) EXCLUDES(mutex_);

  /// Ends the running wait() of the slot or, if there is none, the next one.
  void wake(unsigned slot) EXCLUDES(mutex_);
  /// Ends all waits for good.
  void set_gone() EXCLUDES(mutex_);

 private:
  void take_message(ByteView message) REQUIRES(mutex_);
  void settle(const IoResult& result, ByteView message) EXCLUDES(mutex_);

  BulkPipe& pipe_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<bool> due_ GUARDED_BY(mutex_);
  bool reading_ GUARDED_BY(mutex_) = false;
  unsigned reader_slot_ GUARDED_BY(mutex_) = 0;  ///< whose thread reads
  bool gone_ GUARDED_BY(mutex_) = false;
};

}  // namespace cardea::ccid
