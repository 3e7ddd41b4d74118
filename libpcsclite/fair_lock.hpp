// A lock that is granted in the order it was asked for. A context's requests go through one: a
// thread that retries a refused request must not starve the thread that wants to end the
// transaction on the same context, which std::mutex would allow. Thread-safe; not recursive.
// Whoever unlocks hands the lock over, so it is never free while somebody queues.
#pragma once

#include <cstddef>

#include "base/mutex.hpp"

namespace cardea {

class FairLock {
 public:
  FairLock() = default;
  FairLock(const FairLock&) = delete;
  FairLock& operator=(const FairLock&) = delete;

  void lock() EXCLUDES(mutex_) {
    MutexLock guard(mutex_);
    if (!held_) {
      held_ = true;
      return;
    }
    Waiter self;
    (last_ == nullptr ? first_ : last_->next) = &self;
    last_ = &self;
    while (!self.granted) self.granted_changed.wait(mutex_);
  }

  void unlock() EXCLUDES(mutex_) {
    MutexLock guard(mutex_);
    Waiter* const next = first_;
    if (next == nullptr) {
      held_ = false;
      return;
    }
    first_ = next->next;
    if (first_ == nullptr) last_ = nullptr;
    next->granted = true;
    // Under the mutex: the waiter lives on its thread's stack and may go once it is released.
    next->granted_changed.notify_one();
  }

  /// How many threads queue.
  [[nodiscard]] std::size_t waiters_for_test() EXCLUDES(mutex_) {
    MutexLock guard(mutex_);
    std::size_t count = 0;
    for (const Waiter* waiter = first_; waiter != nullptr; waiter = waiter->next) ++count;
    return count;
  }

 private:
  struct Waiter {
    CondVar granted_changed;
    bool granted = false;
    Waiter* next = nullptr;
  };

  Mutex mutex_;
  bool held_ GUARDED_BY(mutex_) = false;
  Waiter* first_ GUARDED_BY(mutex_) = nullptr;
  Waiter* last_ GUARDED_BY(mutex_) = nullptr;
};

}  // namespace cardea
