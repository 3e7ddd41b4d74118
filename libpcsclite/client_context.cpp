#include "libpcsclite/client_context.hpp"

#include <sys/eventfd.h>

#include <utility>

namespace cardea {

void ClientContext::attach(ServerLink link, std::uint32_t daemon_number) {
  link_ = std::move(link);
  daemon_number_ = daemon_number;
  ++attachment_;
  loss_noticed_ = false;
}

TimePoint ClientContext::lost_since() {
  if (!std::exchange(loss_noticed_, true)) lost_since_ = Clock::now();
  return lost_since_;
}

void ClientContext::mark_released() {
  MutexLock guard(mutex_);
  released_ = true;
  ended_changed_.notify_all();
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
  ended_changed_.notify_all();
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

bool ClientContext::pause_until(TimePoint end, std::optional<std::uint64_t> cancels_at_entry) {
  MutexLock guard(mutex_);
  for (;;) {
    if (released_ || cancels_ != cancels_at_entry.value_or(cancels_)) return false;
    if (Clock::now() >= end) return true;
    (void)ended_changed_.wait_until(mutex_, end);
  }
}

void ClientContext::abandon_in_child() noexcept {
  link_.close();
  wake_fd_.reset();
}

}  // namespace cardea
