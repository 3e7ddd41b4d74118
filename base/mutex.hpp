// A mutex with clang's thread-safety annotations, which std::mutex of libstdc++ lacks. The lock
// names its data: `int x GUARDED_BY(mutex_);`.
#pragma once

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define CARDEA_TS(x) __attribute__((x))
#else
#define CARDEA_TS(x)
#endif
#define CAPABILITY(x) CARDEA_TS(capability(x))
#define SCOPED_CAPABILITY CARDEA_TS(scoped_lockable)
#define GUARDED_BY(x) CARDEA_TS(guarded_by(x))
#define REQUIRES(...) CARDEA_TS(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) CARDEA_TS(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) CARDEA_TS(acquire_capability(__VA_ARGS__))
#define RELEASE(...) CARDEA_TS(release_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) CARDEA_TS(try_acquire_capability(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS CARDEA_TS(no_thread_safety_analysis)

namespace cardea {

class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }
  bool try_lock() TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Condition variable for Mutex; callers loop over their condition, as with std's.
class CondVar {
 public:
  void wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  template <typename TimePoint>
  std::cv_status wait_until(Mutex& mutex, TimePoint deadline) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const std::cv_status status = condition_.wait_until(lock, deadline);
    lock.release();
    return status;
  }
  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace cardea
