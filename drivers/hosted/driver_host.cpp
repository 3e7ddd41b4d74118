#include "drivers/hosted/driver_host.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.hpp"

namespace cardea {
namespace {

using host_wire::Kind;
using host_wire::Request;

/// For the keeper's report about a process whose sockets are closed already.
constexpr milliseconds kReportMax{2'000};
/// A process that was killed is gone in milliseconds, as a rule; on a busy machine one that had
/// been stopped was seen to take seconds. Its reader does not wait for that.
constexpr milliseconds kDeathMax{500};
/// Answers that take longer are waited for with a look at the clock.
constexpr milliseconds kFirstWaitMax{200};

std::string seconds_of(milliseconds time) {
  std::string text = std::to_string(time.count() / 1000);
  if (const auto rest = time.count() % 1000; rest != 0) {
    const std::string digits = std::to_string(1000 + rest).substr(1);
    text += "." + digits.substr(0, digits.find_last_not_of('0') + 1);
  }
  return text + " s";
}

}  // namespace

Result<std::shared_ptr<DriverHost>> DriverHost::start(HostKeeper& keeper,
                                                      const std::string& library_path,
                                                      const HostLimits& limits, Events events) {
  const std::shared_ptr<DriverHost> host(new DriverHost(limits, std::move(events)));
  const std::weak_ptr<DriverHost> weak = host;
  host->keeper_ = &keeper;
  auto started = keeper.start_host([weak](const HostEnd& end) {
    if (const auto found = weak.lock()) found->on_end(end);
  });
  if (!started) return tl::make_unexpected(started.error());
  host->id_ = started->id;
  host->pid_ = started->pid;
  host->socket_ = std::move(started->socket);
  if (auto loaded = host->load(library_path); !loaded) {
    return tl::make_unexpected(std::move(loaded.error()));
  }
  return host;
}

std::shared_ptr<DriverHost> DriverHost::attach(UniqueFd socket, const HostLimits& limits,
                                               Events events) {
  std::shared_ptr<DriverHost> host(new DriverHost(limits, std::move(events)));
  host->socket_ = std::move(socket);
  return host;
}

DriverHost::~DriverHost() {
  if (keeper_ != nullptr) keeper_->release(id_);
}

Result<void> DriverHost::load(const std::string& library_path) {
  library_path_ = library_path;
  std::array<std::byte, host_wire::kTextBytesMax> text;
  Call load;
  load.request.kind = Kind::load;
  load.payload = std::as_bytes(std::span(library_path));
  load.payload = load.payload.first(std::min(load.payload.size(), host_wire::kTextBytesMax));
  load.room = text;
  load.limit = limits_.open;
  load.name = "loading";
  set_first_wait(socket_.get(), std::min(kFirstWaitMax, limits_.open));
  const auto reply = call(socket_.get(), load);
  if (!reply) {
    return failure(ScardRv::invalid_target, "reader driver " + log::escape(library_path) +
                                                " cannot be used: the process that loads it " +
                                                describe_end() +
                                                "; reinstall or update the driver");
  }
  if (reply->rv == 0) return {};
  return failure(static_cast<ScardRv>(reply->rv),
                 std::string(reinterpret_cast<const char*>(text.data()), reply->bytes));
}

bool DriverHost::is_lost() const {
  const MutexLock lock(mutex_);
  return lost_;
}

Result<DriverHost::SlotSockets> DriverHost::add_slot(std::uint32_t lun) {
  auto calls = SocketPair::create();
  if (!calls) return tl::make_unexpected(calls.error());
  auto waits = SocketPair::create();
  if (!waits) return tl::make_unexpected(waits.error());
  const auto least = std::min({limits_.open, limits_.query, limits_.power, limits_.exchange});
  set_first_wait(calls->ours.get(), std::min(kFirstWaitMax, least));
  set_first_wait(waits->ours.get(), milliseconds(1));
  Request request;
  request.kind = Kind::slot;
  request.level = log::least_level();
  request.lun = lun;
  const std::array fds{calls->theirs.get(), waits->theirs.get()};
  // If the host is gone, so are the other ends that it would have got.
  (void)send_message(socket_.get(), host_wire::encode(request), {}, fds);
  return SlotSockets{std::move(calls->ours), std::move(waits->ours)};
}

void DriverHost::stop_waiting(std::uint32_t lun) {
  Request request;
  request.kind = Kind::stop;
  request.level = log::least_level();
  request.lun = lun;
  (void)send_message(socket_.get(), host_wire::encode(request), {});
}

std::optional<host_wire::Reply> DriverHost::call(int socket, const Call& call) {
  if (is_lost()) {
    lose("");
    return std::nullopt;
  }
  Request request = call.request;
  request.level = log::least_level();
  request.room = static_cast<std::uint32_t>(std::min(call.room.size(), host_wire::kDataBytesMax));
  request.bytes = static_cast<std::uint32_t>(call.payload.size());
  const TimePoint deadline = Clock::now() + call.limit;
  Incoming incoming;
  host_wire::ReplyBytes header{};
  if (send_message(socket, host_wire::encode(request), call.payload)) {
    incoming = receive_message(socket, header, call.room, deadline);
  }
  switch (incoming.what) {
    case Received::message:
      break;
    case Received::closed:
      lose("");
      return std::nullopt;
    case Received::late:
      lose(std::string("did not end ") + call.name + " within " + seconds_of(call.limit));
      return std::nullopt;
    case Received::malformed:
      lose("gave a malformed answer");
      return std::nullopt;
  }
  const auto reply = host_wire::decode_reply(header, incoming.bytes, request);
  if (!reply) lose("gave a malformed answer");
  return reply;
}

void DriverHost::lose(const std::string& why) {
  bool ended = false;
  {
    const MutexLock lock(mutex_);
    // Whoever comes second waits for the first to have told: then the reader is taken from its
    // clients, and what becomes of this call does not matter to them any more.
    while (lost_ && !told_) changed_.wait(mutex_);
    if (lost_) return;
    lost_ = true;
    lost_at_ = Clock::now();
    ended = end_.has_value();
    if (!ended) why_ = why;
  }
  if (keeper_ != nullptr && !ended) {
    // Its reader may be closed before the keeper says how it ended; that is to be told all the
    // same.
    keeper_->keep(id_, shared_from_this());
    if (!why.empty()) keeper_->kill_host(id_);
  }
  if (events_.lost) events_.lost();
  const MutexLock lock(mutex_);
  told_ = true;
  changed_.notify_all();
}

void DriverHost::on_end(const HostEnd& end) {
  std::string text;
  bool by_us = false;
  {
    const MutexLock lock(mutex_);
    by_us = !why_.empty();
    text = by_us ? why_ + " and was killed" : to_string(end);
    end_ = text;
    changed_.notify_all();
  }
  lose("");
  if (events_.ended) events_.ended({text, by_us});
}

void DriverHost::wait_for_end(TimePoint deadline) {
  while (keeper_ != nullptr && !end_ && Clock::now() < deadline) {
    (void)changed_.wait_until(mutex_, deadline);
  }
}

void DriverHost::await_end() {
  const MutexLock lock(mutex_);
  if (lost_) wait_for_end(lost_at_ + kDeathMax);
}

std::string DriverHost::describe_end() {
  const MutexLock lock(mutex_);
  wait_for_end(Clock::now() + kReportMax);
  if (end_) return *end_;
  return why_.empty() ? "has ended" : why_;
}

}  // namespace cardea
