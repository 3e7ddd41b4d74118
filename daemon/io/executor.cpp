#include "daemon/io/executor.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/thread.hpp"

namespace cardea {

Result<std::unique_ptr<Executor>> Executor::create(Poller& poller, EventHandler handler) {
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) {
    return failure(ScardRv::internal_error, std::string("eventfd: ") + std::strerror(errno));
  }
  if (auto added = poller.add_edge_triggered(wake.get(), kFirstReservedToken); !added) {
    return tl::make_unexpected(added.error());
  }
  return std::unique_ptr<Executor>(new Executor(poller, std::move(handler), std::move(wake)));
}

Executor::Executor(Poller& poller, EventHandler handler, UniqueFd wake)
    : poller_(poller), handler_(std::move(handler)), wake_(std::move(wake)) {}

Executor::~Executor() { stop(); }

bool Executor::start(int threads) {
  MutexLock lock(mutex_);
  if (stopped_) return true;
  wanted_ += threads;
  while (running_ < wanted_) {
    if (spawn()) continue;
    wanted_ -= threads;
    return false;  // one started too many ends by itself, at the next wake-up
  }
  return true;
}

bool Executor::grow() { return start(1); }

void Executor::shrink() {
  {
    MutexLock lock(mutex_);
    if (stopped_) return;
    --wanted_;
  }
  wake();
}

void Executor::post(Task task) {
  {
    MutexLock lock(mutex_);
    if (stopped_) return;
    tasks_.push_back(std::move(task));
  }
  wake();
}

void Executor::stop() {
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    wanted_ = 0;
  }
  wake();
  for (;;) {
    std::thread next;
    {
      MutexLock lock(mutex_);
      if (threads_.empty()) break;
      next = std::move(threads_.front());
      threads_.pop_front();
    }
    next.join();
  }
  MutexLock lock(mutex_);
  for (std::thread& thread : ended_) thread.join();
  ended_.clear();
  tasks_.clear();
}

int Executor::threads() const {
  MutexLock lock(mutex_);
  return running_;
}

bool Executor::spawn() {
  // Threads that have left the loop end without this lock, so the join is short.
  for (std::thread& thread : ended_) thread.join();
  ended_.clear();
  std::thread& thread = threads_.emplace_back();
  if (!start_thread(thread, [this] { run(); })) {
    threads_.pop_back();
    return false;
  }
  ++running_;
  return true;
}

void Executor::wake() {
  const std::uint64_t one = 1;
  // EAGAIN only says that the counter is full: the wake-up is pending already.
  (void)!::write(wake_.get(), &one, sizeof one);
}

void Executor::run() {
  for (;;) {
    const Poller::Event event = poller_.wait();
    if (event.token == kFirstReservedToken) {
      if (!run_one_task()) return;
    } else {
      handler_(event);
    }
  }
}

bool Executor::run_one_task() {
  std::uint64_t count = 0;
  (void)!::read(wake_.get(), &count, sizeof count);
  Task task;
  bool more = false;
  bool leave = false;
  {
    MutexLock lock(mutex_);
    if (running_ > wanted_ && (tasks_.empty() || stopped_)) {
      leave = true;
      --running_;
      more = running_ > wanted_;
      const auto self = std::find_if(threads_.begin(), threads_.end(), [](const std::thread& t) {
        return t.get_id() == std::this_thread::get_id();
      });
      // Not in the list: stop() has taken this thread out and is about to join it.
      if (self != threads_.end()) {
        ended_.push_back(std::move(*self));
        threads_.erase(self);
      }
    } else if (!tasks_.empty()) {
      task = std::move(tasks_.front());
      tasks_.pop_front();
      more = !tasks_.empty() || running_ > wanted_;
    }
  }
  // One wake-up, one task: others may block, so the next one goes to another thread.
  if (more) wake();
  if (task) task();
  return !leave;
}

}  // namespace cardea
