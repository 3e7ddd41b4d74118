#include "libpcsclite/client_context.hpp"

#include <sys/eventfd.h>

namespace cardea {

void ClientContext::mark_released() {
  MutexLock guard(mutex_);
  released_ = true;
  released_changed_.notify_all();
  wake();
}

bool ClientContext::released() const {
  MutexLock guard(mutex_);
  return released_;
}

std::uint64_t ClientContext::cancels() const {
  MutexLock guard(mutex_);
  return cancels_;
}

void ClientContext::cancel() {
  MutexLock guard(mutex_);
  ++cancels_;
  wake();
}

void ClientContext::wake() {
  if (!waiting_ || woken_ || !wake_fd_) return;
  woken_ = ::eventfd_write(wake_fd_.get(), 1) == 0;
}

bool ClientContext::begin_wait(std::uint64_t cancels_at_entry, int& wake_fd) {
  MutexLock guard(mutex_);
  if (released_ || cancels_ != cancels_at_entry) return false;
  if (!wake_fd_) wake_fd_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  waiting_ = true;
  wake_fd = wake_fd_.get();
  return true;
}

void ClientContext::end_wait() {
  MutexLock guard(mutex_);
  waiting_ = false;
  if (!woken_) return;
  eventfd_t count = 0;
  (void)::eventfd_read(wake_fd_.get(), &count);  // non-blocking, only resets it
  woken_ = false;
}

bool ClientContext::pause_until(TimePoint end) {
  MutexLock guard(mutex_);
  while (!released_ && Clock::now() < end) (void)released_changed_.wait_until(mutex_, end);
  return !released_;
}

void ClientContext::abandon_in_child() noexcept {
  link_.close();
  wake_fd_.reset();
}

}  // namespace cardea
