#include "drivers/hosted/host_keeper.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include "drivers/hosted/keeper_process.hpp"

namespace cardea {
namespace {

/// To fork and to report; no foreign code runs meanwhile.
constexpr milliseconds kStartMax{5'000};

}  // namespace

std::string to_string(const HostEnd& end) {
  if (end.how == HostEnd::How::exited) return "ended with status " + std::to_string(end.value);
  const char* name = ::strsignal(end.value);
  return "was killed by signal " + std::to_string(end.value) + " (" +
         (name != nullptr ? name : "unknown") + ")";
}

Result<std::unique_ptr<HostKeeper>> HostKeeper::create(const Settings& settings) {
  auto orders = SocketPair::create();
  if (!orders) return tl::make_unexpected(orders.error());
  auto log = SocketPair::create();
  if (!log) return tl::make_unexpected(log.error());
  std::fflush(nullptr);  // else the keeper writes it once more
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) {
    return failure(
        ScardRv::no_memory,
        std::string("cannot start the process that starts drivers: ") + std::strerror(errno));
  }
  if (child == 0) {
    orders->ours.reset();
    log->ours.reset();
    run_keeper({std::move(orders->theirs), std::move(log->theirs), parent, settings.program,
                settings.driver_dumps, settings.keep_output});
  }
  return std::unique_ptr<HostKeeper>(
      new HostKeeper(child, std::move(orders->ours), std::move(log->ours)));
}

HostKeeper::HostKeeper(pid_t keeper, UniqueFd orders, UniqueFd log)
    : keeper_(keeper),
      orders_(std::move(orders)),
      log_(std::move(log)),
      quit_(::eventfd(0, EFD_CLOEXEC)) {}

HostKeeper::~HostKeeper() {
  stop_listening();
  std::map<std::uint64_t, Entry> left;
  {
    const MutexLock lock(mutex_);
    left.swap(hosts_);
  }
  left.clear();
  orders_.reset();
  while (::waitpid(keeper_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void HostKeeper::listen(std::function<void()> lost) {
  lost_ = std::move(lost);
  thread_ = std::thread([this] { run(); });
}

void HostKeeper::stop_listening() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  (void)!::write(quit_.get(), &one, sizeof one);
  thread_.join();
}

Result<HostKeeper::Host> HostKeeper::start_host(Ended ended) {
  auto pair = SocketPair::create();
  if (!pair) return tl::make_unexpected(pair.error());
  const MutexLock lock(mutex_);
  if (gone_) return failure(ScardRv::internal_error, "the process that starts drivers has ended");
  const std::uint64_t id = ++last_id_;
  hosts_[id].ended = std::move(ended);
  const std::array fds{pair->theirs.get()};
  const auto order = host_wire::encode({host_wire::KeeperOrder::Kind::start, id});
  const bool sent = send_message(orders_.get(), order, {}, fds);
  const TimePoint deadline = Clock::now() + kStartMax;
  auto found = hosts_.find(id);
  while (sent && found != hosts_.end() && !found->second.started && Clock::now() < deadline) {
    (void)reported_.wait_until(mutex_, deadline);
    found = hosts_.find(id);  // gone if it has ended already
  }
  std::string why = "the process that starts drivers does not answer";
  if (found == hosts_.end()) {
    why = "it has ended at once";
  } else if (found->second.started) {
    const Result<pid_t>& started = *found->second.started;
    if (started) return Host{id, *started, std::move(pair->ours)};
    why = started.error().context;
  }
  hosts_.erase(id);
  return failure(ScardRv::internal_error, "cannot start a process for a driver: " + why);
}

void HostKeeper::kill_host(std::uint64_t id) {
  const auto order = host_wire::encode({host_wire::KeeperOrder::Kind::kill, id});
  (void)send_message(orders_.get(), order, {});  // a keeper that is gone has killed it already
}

void HostKeeper::keep(std::uint64_t id, std::shared_ptr<const void> what) {
  const MutexLock lock(mutex_);
  const auto found = hosts_.find(id);
  if (found != hosts_.end()) found->second.kept = std::move(what);
}

void HostKeeper::release(std::uint64_t id) {
  const MutexLock lock(mutex_);
  hosts_.erase(id);
}

void HostKeeper::run() {
  std::array<pollfd, 3> watched{pollfd{quit_.get(), POLLIN, 0}, pollfd{orders_.get(), POLLIN, 0},
                                pollfd{log_.get(), POLLIN, 0}};
  for (;;) {
    if (::poll(watched.data(), watched.size(), -1) < 0) {
      if (errno != EINTR) return;
      continue;
    }
    // What a driver has said last comes before its end.
    if (watched[2].revents != 0) take_log();
    if (watched[1].revents != 0 && !take_report()) {
      end_all();
      if (lost_) lost_();
      return;
    }
    if (watched[0].revents != 0) return;
  }
}

bool HostKeeper::take_report() {
  host_wire::ReportBytes bytes{};
  const Incoming incoming = receive_message(orders_.get(), bytes, {}, Clock::now());
  if (incoming.what == Received::late) return true;
  if (incoming.what != Received::message) return false;
  const auto report = host_wire::decode_report(std::span(bytes).first(incoming.bytes));
  if (!report) return false;
  using Kind = host_wire::KeeperReport::Kind;
  Entry over;
  {
    const MutexLock lock(mutex_);
    const auto found = hosts_.find(report->host);
    if (found == hosts_.end()) return true;
    const auto value = static_cast<int>(report->value);
    if (report->kind == Kind::started) {
      found->second.started = Result<pid_t>(value);
    } else if (report->kind == Kind::failed) {
      found->second.started = failure(ScardRv::internal_error, std::strerror(value));
    } else {
      over = std::move(found->second);
      hosts_.erase(found);
    }
    reported_.notify_all();
  }
  if (over.ended) {
    const auto how = report->kind == Kind::killed ? HostEnd::How::killed : HostEnd::How::exited;
    over.ended({how, static_cast<int>(report->value)});
  }
  return true;
}

void HostKeeper::take_log() {
  std::array<std::byte, host_wire::kLogBytesMax> bytes;
  const Incoming incoming = receive_message(log_.get(), bytes, {}, Clock::now());
  if (incoming.what != Received::message) return;
  const auto record = host_wire::decode_log(std::span(bytes).first(incoming.bytes));
  if (record && log::enabled(record->level)) log::write(*record);
}

void HostKeeper::end_all() {
  std::map<std::uint64_t, Entry> over;
  {
    const MutexLock lock(mutex_);
    gone_ = true;
    over.swap(hosts_);
    reported_.notify_all();
  }
  for (auto& [id, entry] : over) entry.ended({HostEnd::How::killed, SIGKILL});
}

}  // namespace cardea
