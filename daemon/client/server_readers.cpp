// Server: readers and hot-plug, the side that no client sees.
#include <atomic>
#include <tuple>

#include "base/assert.hpp"
#include "daemon/client/server.hpp"

namespace cardea {

Result<void> Server::watch_descriptor(int fd, std::function<void()> ready, Watched watched) {
  MutexLock lock(core_mutex_);
  CARDEA_ASSERT(watched_.size() < kWatchedMax);
  if (watched == Watched::may_block && !executor_->grow()) {
    return failure(ScardRv::no_memory, kNoThread);
  }
  const std::uint64_t token = kFirstWatchedToken + watched_.size();
  watched_.emplace_back(fd, std::move(ready));
  return poller_.add(fd, token, EPOLLIN);
}

void Server::run_watched(std::uint64_t token) {
  int fd = -1;
  std::function<void()> ready;
  {
    MutexLock lock(core_mutex_);
    std::tie(fd, ready) = watched_.at(token - kFirstWatchedToken);
  }
  ready();
  poller_.arm(fd, token, EPOLLIN);
}

bool Server::run_reader_start(Clients clients, std::function<void()> task) {
  if (!executor_->grow()) return false;  // the task may block in a driver
  {
    MutexLock lock(core_mutex_);
    if (stopping_) return true;  // the pool ends with all its threads
    ++starts_;
    if (clients == Clients::wait) core_.reader_start_began(Clock::now());
  }
  executor_->post([this, clients, task = std::move(task)] {
    task();
    Round round;
    with_core(round, [&](core::Core& core, TimePoint now, core::Effects& fx) REQUIRES(core_mutex_) {
      if (clients == Clients::wait) core.reader_start_ended(now, fx);
      --starts_;
      census_changed();
      readers_closed_.notify_all();
    });
    run(round);
    executor_->shrink();
  });
  return true;
}

bool Server::run_in_domain(core::DomainId domain, const std::function<void()>& work) {
  Round round;
  core::GuestId guest;
  bool known = false;
  with_core(round, [&](core::Core& core, TimePoint now, core::Effects& fx) REQUIRES(core_mutex_) {
    guest = core::GuestId{++last_guest_};
    known = core.enter_domain(domain, guest, now, fx);
  });
  if (!known) return false;
  core::Job visit;
  {
    MutexLock lock(core_mutex_);
    while (!guests_.contains(guest)) guest_entered_.wait(core_mutex_);
    visit = std::move(guests_.extract(guest).mapped());
  }
  work();
  bool domain_gone = false;
  with_core(round, [&](core::Core& core, TimePoint now, core::Effects& fx) {
    core.finish(visit, {}, now, fx);
    domain_gone = !core.knows(domain);
  });
  if (domain_gone) executor_->shrink();
  run_elsewhere(std::move(round));
  return true;
}

std::optional<core::DomainId> Server::add_domain() {
  // Before the first call of this domain can block a thread.
  if (!executor_->grow()) return std::nullopt;
  MutexLock lock(core_mutex_);
  return core_.add_domain();
}

void Server::add_reader(const core::ReaderSpec& spec, ReaderOwner owner,
                        std::unique_ptr<IfdDriver> driver) {
  auto runtime = std::make_shared<ReaderRuntime>();
  runtime->owner = owner;
  runtime->driver = std::move(driver);
  Round round;
  with_core(round, [&](core::Core& core, TimePoint now, core::Effects& fx) REQUIRES(core_mutex_) {
    if (stopping_) return;  // the reader's domain may be gone already
    const core::ReaderId id = core.add_reader(spec, now, fx);
    runtimes_[id] = runtime;
    if (runtime->driver->has_wait_event() && !watch(*runtime, id)) core.poll_instead(id);
  });
  run_elsewhere(std::move(round));
}

void Server::check_cards() {
  Round round;
  with_core(round, [&](core::Core& core, TimePoint now, core::Effects& fx) REQUIRES(core_mutex_) {
    for (const auto& [id, runtime] : runtimes_) core.presence_hint(id, now, fx);
  });
  run_elsewhere(std::move(round));
}

void Server::remove_readers(ReaderOwner owner, bool device_gone) {
  Round round;
  with_core(round, [&](core::Core& core, TimePoint now, core::Effects& fx) REQUIRES(core_mutex_) {
    for (const auto& [id, runtime] : runtimes_) {
      if (runtime->owner != owner) continue;
      runtime->device_gone = device_gone;
      core.remove_reader(id, now, fx);
    }
  });
  run_elsewhere(std::move(round));
}

bool Server::watch(ReaderRuntime& runtime, core::ReaderId id) {
  // One hint at a time: a driver whose polling function returns at once fills no queue.
  const auto hinted = std::make_shared<std::atomic<bool>>(false);
  runtime.monitor = std::make_unique<PresenceMonitor>(*runtime.driver, [this, id, hinted] {
    if (hinted->exchange(true)) return;
    executor_->post([this, id, hinted] {
      *hinted = false;
      Round round;
      with_core(round, [id](core::Core& core, TimePoint now, core::Effects& fx) {
        core.presence_hint(id, now, fx);
      });
      run(round);
    });
  });
  if (runtime.monitor->start()) return true;
  runtime.monitor.reset();
  return false;
}

}  // namespace cardea
