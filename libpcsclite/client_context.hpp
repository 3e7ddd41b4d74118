// One PC/SC context of the application: a connection to the daemon, the lock that serialises the
// requests on it, and what SCardCancel and SCardReleaseContext need to reach a thread that is
// inside a call. Shared by reference count between the context table and the calls in progress,
// so that a release never pulls it away under another thread.
//
// Threads: link() belongs to whoever holds lock(); everything else is thread-safe and short.
#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "base/unique_fd.hpp"
#include "libpcsclite/fair_lock.hpp"
#include "libpcsclite/server_link.hpp"

namespace cardea {

class ClientContext {
 public:
  /// `number` is the daemon's hContext; `link` the connection it was established on.
  ClientContext(std::uint32_t number, ServerLink link) : number_(number), link_(std::move(link)) {}
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
  FairLock& lock() noexcept { return lock_; }
  ServerLink& link() noexcept { return link_; }

  /// Marks the context released and ends waits and pauses on it.
  void mark_released();
  [[nodiscard]] bool released() const;

  /// A wait notes the number of cancels when it is entered, and is cancelled when there are more.
  /// So no cancel is lost between entry and the actual waiting, and none is kept for later waits.
  [[nodiscard]] std::uint64_t cancels() const;
  void cancel();

  /// Before blocking on the link: false if the wait entered at `cancels_at_entry` is over already.
  /// Else `wake_fd` becomes readable when it shall end; -1 if the process has no descriptor left,
  /// the caller then looks again now and then. Followed by end_wait().
  [[nodiscard]] bool begin_wait(std::uint64_t cancels_at_entry, int& wake_fd);
  void end_wait();

  /// Sleeps until `end`; false as soon as the context is released.
  [[nodiscard]] bool pause_until(TimePoint end);

  /// In a forked child, which shares the connection but must not use it: closes the child's
  /// descriptors without a word to the daemon. Takes no lock, the child has one thread.
  /// COMPAT: with pcsc-lite both processes use one connection, and a release in the child ends the
  /// parent's context as well.
  void abandon_in_child() noexcept NO_THREAD_SAFETY_ANALYSIS;

 private:
  void wake() REQUIRES(mutex_);

  const std::uint32_t number_;
  FairLock lock_;
  ServerLink link_;  // owned by the holder of lock_

  mutable Mutex mutex_;
  CondVar released_changed_;
  bool released_ GUARDED_BY(mutex_) = false;
  std::uint64_t cancels_ GUARDED_BY(mutex_) = 0;
  bool waiting_ GUARDED_BY(mutex_) = false;
  bool woken_ GUARDED_BY(mutex_) = false;
  UniqueFd wake_fd_ GUARDED_BY(mutex_);  // an eventfd, made by the first wait that blocks
};

}  // namespace cardea
