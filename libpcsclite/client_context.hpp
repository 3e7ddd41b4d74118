// One PC/SC context of the application: a connection to the daemon, the lock that serialises the
// requests on it, and what SCardCancel and SCardReleaseContext need to reach a thread that is
// inside a call. Shared by reference count between the context table and the calls in progress,
// so that a release never pulls it away under another thread.
//
// A context outlives its connection: when the daemon restarts, and in a forked child, it attaches
// to the daemon anew (reattach.hpp) and then has another number there, but not here.
//
// Threads: what says so belongs to whoever holds lock(); all else is thread-safe and short.
#pragma once

#include <pcsclite.h>

#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "base/unique_fd.hpp"
#include "libpcsclite/fair_lock.hpp"
#include "libpcsclite/server_link.hpp"

namespace cardea {

class ClientContext {
 public:
  /// `number` is what the application knows it by. Not attached.
  ClientContext(SCARDCONTEXT number, std::uint32_t scope) : number_(number), scope_(scope) {}
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

  [[nodiscard]] SCARDCONTEXT number() const noexcept { return number_; }
  /// As given to SCardEstablishContext.
  [[nodiscard]] std::uint32_t scope() const noexcept { return scope_; }
  FairLock& lock() noexcept { return lock_; }

  /// The connection; closed if the context is not attached. Holder of lock().
  ServerLink& link() noexcept { return link_; }
  /// The hContext of requests. Holder of lock().
  [[nodiscard]] std::uint32_t daemon_number() const noexcept { return daemon_number_; }
  /// Counts the connections the context has had: what was made on an earlier one is gone. Holder
  /// of lock().
  [[nodiscard]] unsigned attachment() const noexcept { return attachment_; }
  /// Holder of lock().
  void attach(ServerLink link, std::uint32_t daemon_number);
  /// When the connection was found broken; called while it is. Holder of lock().
  [[nodiscard]] TimePoint lost_since();

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

  /// Sleeps until `end`; false as soon as the context is released or, if `cancels_at_entry` is
  /// given, the wait is over (see begin_wait).
  [[nodiscard]] bool pause_until(TimePoint end,
                                 std::optional<std::uint64_t> cancels_at_entry = std::nullopt);

  /// In a forked child, which shares the connection but must not use it: closes the child's
  /// descriptors without a word to the daemon. Takes no lock, the child has one thread.
  /// COMPAT: with pcsc-lite both processes use one connection, get each other's answers, and a
  /// release in the child ends the parent's context as well.
  void abandon_in_child() noexcept NO_THREAD_SAFETY_ANALYSIS;

 private:
  void wake() REQUIRES(mutex_);

  const SCARDCONTEXT number_;
  const std::uint32_t scope_;
  FairLock lock_;
  // Of the holder of lock_:
  ServerLink link_{UniqueFd()};
  std::uint32_t daemon_number_ = 0;
  unsigned attachment_ = 0;
  bool loss_noticed_ = true;
  TimePoint lost_since_ = TimePoint::min();

  mutable Mutex mutex_;
  CondVar ended_changed_;  // released_ or cancels_
  bool released_ GUARDED_BY(mutex_) = false;
  std::uint64_t cancels_ GUARDED_BY(mutex_) = 0;
  bool waiting_ GUARDED_BY(mutex_) = false;
  bool woken_ GUARDED_BY(mutex_) = false;
  UniqueFd wake_fd_ GUARDED_BY(mutex_);  // an eventfd, made by the first wait that blocks
};

}  // namespace cardea
