// The pool: threads that wait for events and run tasks. Tasks may block in a driver; the owner
// keeps one thread more than there can be blocked ones, so that somebody is always free for
// clients, timers and hot-plug. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <thread>
#include <vector>

#include "base/mutex.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "daemon/io/poller.hpp"

namespace cardea {

class Executor {
 public:
  using Task = std::function<void()>;
  /// Called on any pool thread with what the poller reported.
  using EventHandler = std::function<void(const Poller::Event&)>;

  /// Tokens from here on are the executor's own.
  static constexpr std::uint64_t kFirstReservedToken = ~std::uint64_t{0};

  /// `poller` is borrowed and must outlive the executor.
  static Result<std::unique_ptr<Executor>> create(Poller& poller, EventHandler handler);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Starts `threads` threads, on top of what grow() has asked for. False if the system refuses one
  /// of them (TasksMax=, memory); then none is added.
  [[nodiscard]] bool start(int threads) EXCLUDES(mutex_);
  /// One more (or fewer) thread may block from now on. False as for start(): then nothing may block
  /// one more.
  [[nodiscard]] bool grow() EXCLUDES(mutex_);
  void shrink() EXCLUDES(mutex_);
  /// Runs `task` on some thread of the pool.
  void post(Task task) EXCLUDES(mutex_);
  /// Ends all threads after their current work and joins them; what is posted from then on is
  /// dropped. Not from a pool thread.
  void stop() EXCLUDES(mutex_);
  [[nodiscard]] int threads() const EXCLUDES(mutex_);

 private:
  Executor(Poller& poller, EventHandler handler, UniqueFd wake);
  void run() EXCLUDES(mutex_);
  /// Takes the next task; false if this thread is to end.
  bool run_one_task() EXCLUDES(mutex_);
  [[nodiscard]] bool spawn() REQUIRES(mutex_);
  void wake();

  Poller& poller_;
  const EventHandler handler_;
  const UniqueFd wake_;  ///< eventfd: "look at tasks_"

  mutable Mutex mutex_;
  std::deque<Task> tasks_ GUARDED_BY(mutex_);  // bounded: at most one blocking task per reader
  std::list<std::thread> threads_ GUARDED_BY(mutex_);
  std::vector<std::thread> ended_ GUARDED_BY(mutex_);  ///< left the loop, to be joined
  int wanted_ GUARDED_BY(mutex_) = 0;
  int running_ GUARDED_BY(mutex_) = 0;
  bool stopped_ GUARDED_BY(mutex_) = false;
};

}  // namespace cardea
