#include "daemon/client/server.hpp"

#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/assert.hpp"
#include "base/scope_exit.hpp"
#include "daemon/auth/peer_identity.hpp"
#include "daemon/client/dispatcher.hpp"
#include "daemon/io/memory_reserve.hpp"
#include "daemon/reader/card_channel.hpp"
#include "protocol/codec.hpp"
#include "protocol/framer.hpp"

namespace cardea {
namespace {

/// Answers to requests that came together are sent together, up to about this size.
constexpr std::size_t kGatheredBytesMax = 64 * 1024;
/// What helps against a version that is not served.
constexpr const char* kUpdateTheirCopy =
    "that library is older than pcsc-lite 1.8.9 and usually comes with the program (flatpak, snap, "
    "container, AppImage): update the program, or the copy of libpcsclite.so.1 in it";
constexpr const char* kUpdatePcscd =
    "that library is newer than this pcscd, and usually comes with the program (flatpak, snap, "
    "container, AppImage): update pcscd";
/// Threads that no driver can block: one, so that somebody always serves clients.
constexpr int kThreadsAtStart = 1;

/// Buffers for requests and driver answers, one set a thread, so that idle clients cost none.
struct Scratch {
  std::array<std::byte, wire::kRequestBytesMax> request;
  std::array<std::byte, wire::kPayloadBytesMax> answer;
};

Scratch& scratch() {
  static thread_local const std::unique_ptr<Scratch> buffers = std::make_unique<Scratch>();
  return *buffers;
}

std::uint32_t random_number() {
  std::uint32_t number = 0;
  const ssize_t got = ::getrandom(&number, sizeof number, 0);
  CARDEA_ASSERT(got == static_cast<ssize_t>(sizeof number));
  return number;
}

}  // namespace

Result<std::unique_ptr<Server>> Server::create(Settings settings, UniqueFd listener) {
  auto poller = Poller::create();
  if (!poller) return tl::make_unexpected(poller.error());
  auto timer = DeadlineTimer::create();
  if (!timer) return tl::make_unexpected(timer.error());
  auto census_timer = DeadlineTimer::create();
  if (!census_timer) return tl::make_unexpected(census_timer.error());
  std::unique_ptr<Server> server(new Server(settings, std::move(listener), std::move(*poller),
                                            std::move(*timer), std::move(*census_timer)));
  auto executor = Executor::create(
      server->poller_, [raw = server.get()](const Poller::Event& event) { raw->on_event(event); });
  if (!executor) return tl::make_unexpected(executor.error());
  server->executor_ = std::move(*executor);
  if (auto added = server->poller_.add(server->timer_.fd(), kTimerToken, EPOLLIN); !added) {
    return tl::make_unexpected(added.error());
  }
  if (auto added = server->poller_.add(server->census_timer_.fd(), kCensusToken, EPOLLIN); !added) {
    return tl::make_unexpected(added.error());
  }
  return server;
}

Server::Server(Settings settings, UniqueFd listener, Poller poller, DeadlineTimer timer,
               DeadlineTimer census_timer)
    : settings_(settings),
      poller_(std::move(poller)),
      listener_(std::move(listener)),
      timer_(std::move(timer)),
      census_timer_(std::move(census_timer)),
      core_(settings.core, random_number) {
  core_.set_hang_up_check([this](core::ConnId conn) REQUIRES(core_mutex_) {
    const ConnectionPtr connection = find(conn);
    return !connection || connection->has_hung_up();
  });
}

Server::~Server() {
  if (executor_) executor_->stop();
}

Result<void> Server::start() {
  if (!executor_->start(kThreadsAtStart)) return failure(ScardRv::no_memory, kNoThread);
  return poller_.add(listener_.get(), kListenToken, EPOLLIN);
}

bool Server::stop(milliseconds limit) {
  {
    MutexLock lock(core_mutex_);
    stopping_ = true;  // from here on nobody arms the listener
  }
  poller_.remove(listener_.get());
  // On the pool: this thread must not get caught in a driver.
  executor_->post([this] {
    Round round;
    with_core(round,
              [this](core::Core& core, TimePoint now, core::Effects& fx) REQUIRES(core_mutex_) {
                core.silence_events();
                std::vector<core::ReaderId> readers;
                for (const auto& [id, runtime] : runtimes_) readers.push_back(id);
                for (const core::ReaderId id : readers) core.remove_reader(id, now, fx);
                readers_closed_.notify_all();
              });
    run(round);
  });
  const TimePoint deadline = Clock::now() + limit;
  {
    MutexLock lock(core_mutex_);
    const auto is_done = [this]()
                             REQUIRES(core_mutex_) { return runtimes_.empty() && starts_ == 0; };
    while (!is_done() && Clock::now() < deadline) {
      readers_closed_.wait_until(core_mutex_, deadline);
    }
    if (!is_done()) return false;
  }
  executor_->stop();
  return true;
}

void Server::on_event(const Poller::Event& event) {
  if (event.token == kListenToken) return accept_clients();
  if (event.token == kCensusToken) return on_census();
  Round round;
  if (event.token == kTimerToken) {
    timer_.acknowledge();
    with_core(round,
              [this](core::Core& core, TimePoint now, core::Effects& fx) REQUIRES(core_mutex_) {
                timer_set_.reset();
                if (accept_again_at_ && *accept_again_at_ <= now) resume_accepting();
                core.expire(now, fx);
              });
    poller_.arm(timer_.fd(), kTimerToken, EPOLLIN);
    return run(round);
  }
  if (event.token >= kFirstWatchedToken) return run_watched(event.token);
  ConnectionPtr connection;
  {
    MutexLock lock(core_mutex_);
    connection = find(core::ConnId{event.token});
  }
  if (!connection || !connection->claim()) return;
  const bool gone = (event.events & (EPOLLHUP | EPOLLERR)) != 0;
  if (gone && (event.events & EPOLLIN) == 0) {
    close(connection, round);
  } else {
    round.ready.push_back({connection, /*has_input=*/true});
  }
  run(round);
}

void Server::run(Round& round) {
  for (;;) {
    if (!round.ready.empty()) {
      // Replies and further requests first: a driver call may take long.
      const Round::Ready next = std::move(round.ready.back());
      round.ready.pop_back();
      serve(next.connection, next.has_input, round);
    } else if (!round.jobs.empty()) {
      PendingJob mine = std::move(round.jobs.back());
      round.jobs.pop_back();
      for (PendingJob& other : std::exchange(round.jobs, {})) {
        Round one;
        one.jobs.push_back(std::move(other));
        run_elsewhere(std::move(one));
      }
      run_job(std::move(mine), round);
    } else {
      return;
    }
  }
}

void Server::run_elsewhere(Round round) {
  if (round.ready.empty() && round.jobs.empty()) return;
  const auto shared = std::make_shared<Round>(std::move(round));
  executor_->post([this, shared] { run(*shared); });
}

void Server::run_job(PendingJob pending, Round& round) {
  core::JobResult result;
  const bool closing = pending.job.kind == core::JobKind::close;
  if (closing) {
    pending.runtime->close();
  } else {
    const TimePoint began = Clock::now();
    result = CardChannel(*pending.runtime->driver).run(pending.job, scratch().answer);
    if (observer_ != nullptr && observer_->wants_exchanges()) {
      show_exchange(pending, result, Clock::now() - began);
    }
  }
  bool domain_gone = false;
  bool owner_gone = false;
  with_core(round, [&](core::Core& core, TimePoint now, core::Effects& fx) REQUIRES(core_mutex_) {
    core.finish(pending.job, result, now, fx);
    if (!closing) return;
    runtimes_.erase(pending.job.reader);
    owner_gone = std::none_of(runtimes_.begin(), runtimes_.end(), [&](const auto& entry) {
      return entry.second->owner == pending.runtime->owner;
    });
    domain_gone = !core.knows(pending.job.domain);
    readers_closed_.notify_all();
  });
  if (domain_gone) executor_->shrink();
  if (owner_gone && reader_events_.closed) reader_events_.closed(pending.runtime->owner);
}

void Server::serve(const ConnectionPtr& connection, bool has_input, Round& round) {
  connection->flush();
  if (connection->output_blocked()) return settle(connection, round);
  round.serving = connection.get();
  const ScopeExit served([&round] { round.serving = nullptr; });
  std::span<const std::byte> input = connection->kept();
  while (!connection->in_call()) {
    if (connection->is_cut()) return close(connection, round);
    if (connection->queued_bytes() > kGatheredBytesMax) {
      connection->flush();
      if (connection->output_blocked()) break;
    }
    auto next = wire::next_frame(*connection->dialect, input);
    if (const auto* frame = std::get_if<wire::Frame>(&next)) {
      handle(connection, *frame, round);
      input = input.subspan(frame->bytes);
    } else if (const auto* bad = std::get_if<wire::Malformed>(&next)) {
      drop(connection, "sent a malformed request: " + bad->reason);
    } else {
      if (!has_input) break;
      has_input = false;
      if (!connection->keep(input)) return close(connection, round);
      const bool in_the_middle = !input.empty();
      if (connection->read_some(scratch().request, input) == Connection::Read::closed) {
        if (in_the_middle) drop(connection, "closed its connection in the middle of a request");
        return close(connection, round);
      }
    }
  }
  const bool has_rest = !input.empty() || connection->has_kept();
  if (has_rest && !connection->keep(input)) return close(connection, round);
  connection->flush();
  settle(connection, round);
}

void Server::settle(const ConnectionPtr& connection, Round& round) {
  const bool in_call = connection->in_call();
  const bool mine = in_call && !round.jobs.empty() && round.jobs.back().job.conn == connection->id;
  if (mine && round.jobs.back().job.kind == core::JobKind::transmit) {
    // This thread runs the driver call next and looks at the connection right after it: a wait
    // for hang-up meanwhile would cost a system call per APDU. Requests that change who may use
    // the card do wait, so that nobody is refused because of a client that is dead already.
    connection->release_unarmed();
  } else if (!connection->release(in_call)) {
    round.ready.push_back({connection, /*has_input=*/false});
  }
}

void Server::handle(const ConnectionPtr& connection, const wire::Frame& frame, Round& round) {
  if (frame.command == wire::Command::version) return handle_version(connection, frame, round);
  if (connection->version_refused && frame.command != wire::Command::cancel) {
    return drop(connection, "went on with " + wire::to_string(frame.command) +
                                " although its protocol version was refused");
  }
  if (is_memory_short() && refuse_for_memory(connection, frame)) return;
  bool removed = false;
  with_core(round, [&](core::Core& core, TimePoint now, core::Effects& fx) REQUIRES(core_mutex_) {
    // The readers are gone: whoever was told so would not ask the next daemon.
    if (stopping_) return connection->set_in_call(true);
    // Others needed what it held, and its peer is gone: nobody hears the answer to what it sent.
    removed = !core.knows(connection->id);
    if (removed) return;
    if (log::enabled(log::Level::debug)) connection->request = {frame.command, now};
    dispatch(core, connection->id, frame, now, fx);
    connection->set_in_call(core.is_busy(connection->id));
  });
  if (removed) connection->hang_up();
}

void Server::handle_version(const ConnectionPtr& connection, const wire::Frame& frame,
                            Round& round) {
  auto version = wire::decode<wire::Version>(frame.body);
  const wire::Dialect* dialect = wire::find_dialect(version.major, version.minor);
  connection->version_refused = dialect == nullptr;
  const wire::Version proposed = version;
  if (dialect != nullptr) {
    connection->dialect = dialect;
    version.rv = to_wire(ScardRv::success);
  } else {
    version = {wire::kMajor, wire::kMinorNewest, to_wire(ScardRv::service_stopped)};
  }
  with_core(round, [&](core::Core& core, TimePoint, core::Effects& fx) {
    if (dialect != nullptr && core.knows(connection->id)) {
      core.set_dialect(connection->id, *dialect);
    }
    fx.replies.push_back(core::make_reply(connection->id, version));
  });
  if (dialect == nullptr) report_refusal(connection, proposed);
}

void Server::report_refusal(const ConnectionPtr& connection, const wire::Version& proposed) {
  const std::string asked = std::to_string(proposed.major) + ":" + std::to_string(proposed.minor);
  if (connection->refused_version == asked) return;  // one record for a client that asks again
  connection->refused_version = asked;
  const PeerIdentity who = identify(connection->peer);
  log::Fields fields = who.fields;
  fields.emplace_back("CLIENT_PROTOCOL", asked);
  fields.emplace_back("COMMAND", wire::to_string(wire::Command::version));
  fields.emplace_back("RV", to_string(ScardRv::service_stopped));
  const bool is_older =
      std::pair(proposed.major, proposed.minor) < std::pair(wire::kMajor, wire::kMinorOldest);
  log::write(log::Level::warning,
             who.text +
                 " cannot use smart cards: it has loaded a libpcsclite that speaks protocol " +
                 asked + ", and this pcscd speaks 4:" + std::to_string(wire::kMinorOldest) +
                 " to 4:" + std::to_string(wire::kMinorNewest) +
                 ". The program sees SCARD_E_SERVICE_STOPPED; readers, cards and drivers are fine. "
                 "Remedy: " +
                 (is_older ? kUpdateTheirCopy : kUpdatePcscd),
             std::move(fields), log::Event::client_version_refused);
}

void Server::drop(const ConnectionPtr& connection, const std::string& reason) {
  const PeerIdentity who = identify(connection->peer);
  log::write(log::Level::warning,
             "disconnected " + who.text + ": it " + reason +
                 ". Remedy: update the libpcsclite this program uses, or the program if it speaks "
                 "the protocol itself",
             who.fields, log::Event::client_disconnected);
  connection->hang_up();
}

void Server::close(const ConnectionPtr& connection, Round& round) {
  connection->hang_up();
  const bool report_memory =
      connection->exceeded_memory() && connection->account().should_report(core::Resource::bytes);
  if (report_memory) {
    report_quota(connection->peer, connection->account(), core::Resource::bytes);
  }
  with_core(round, [&](core::Core& core, TimePoint now, core::Effects& fx) REQUIRES(core_mutex_) {
    core.remove_client(connection->id, connection->lost_output(), now, fx);
    connections_.erase(connection->id);
    observe();  // what it leaves behind comes before its end
    if (observer_ != nullptr) observer_->client_gone(connection->id);
    last_client_left_ = now;
    census_changed();
    resume_accepting();
  });
}

Server::ConnectionPtr Server::find(core::ConnId id) {
  const auto it = connections_.find(id);
  return it == connections_.end() ? nullptr : it->second;
}

void Server::absorb(core::Effects& fx, Round& round, Outcome& outcome) {
  for (core::Reply& reply : fx.replies) {
    const ConnectionPtr connection = find(reply.conn);
    if (!connection) continue;
    if (reply.ends_call) {
      connection->set_in_call(false);
      outcome.resume.push_back(connection);
      if (const auto request = std::exchange(connection->request, std::nullopt)) {
        outcome.answered.push_back({connection, *request, reply.rv, Clock::now() - request->since});
      }
    }
    if (reply.payload.empty()) {
      // Into the output in the order of the decisions; two threads may send to this client.
      connection->queue(reply.bytes);
      outcome.flush.push_back(connection);
    } else {
      outcome.direct.emplace_back(connection, std::move(reply));
    }
  }
  for (core::Drop& dropped : fx.drops) {
    if (const ConnectionPtr connection = find(dropped.conn)) {
      connection->set_in_call(false);
      outcome.drops.emplace_back(connection, std::move(dropped.reason));
    }
  }
  for (core::Job& job : fx.jobs) {
    if (job.kind == core::JobKind::guest) {
      const core::GuestId guest = job.guest;
      guests_[guest] = std::move(job);
      guest_entered_.notify_all();
      continue;
    }
    RuntimePtr runtime = runtimes_.at(job.reader);
    round.jobs.push_back({std::move(job), std::move(runtime)});
  }
  for (core::Question& question : fx.questions) {
    if (ConnectionPtr connection = find(question.conn)) {
      outcome.questions.emplace_back(std::move(connection), std::move(question));
    }
  }
  outcome.withdrawn = std::move(fx.withdrawn);
  if (!fx.records.empty()) census_changed();  // no reader comes or goes without a record
  outcome.records = std::move(fx.records);
  for (const core::IdleHold& hold : fx.idle_holds) outcome.idle_holds.push_back(named(hold));
  for (const core::QuotaHit& hit : fx.quota_hits) {
    if (ConnectionPtr connection = find(hit.conn)) {
      outcome.quota_hits.emplace_back(std::move(connection), hit.resource);
    }
  }
  for (const core::ReaderId reader : fx.faulty) {
    if (const auto it = runtimes_.find(reader); it != runtimes_.end()) {
      outcome.faulty.push_back(it->second->owner);
    }
  }
}

void Server::carry_out(Outcome& outcome, Round& round) {
  for (auto& [connection, reply] : outcome.direct) connection->send(reply.bytes, reply.payload);
  for (const ConnectionPtr& connection : outcome.flush) {
    if (connection.get() != round.serving) connection->flush();
  }
  for (auto& [connection, reason] : outcome.drops) drop(connection, reason);
  const bool apdu = !outcome.direct.empty() && round.apdus_left-- > 0;
  for (ConnectionPtr& connection : outcome.resume) {
    const bool has_input = apdu && connection == outcome.direct.front().first;
    if (connection->claim()) round.ready.push_back({std::move(connection), has_input});
  }
  for (const auto& [connection, question] : outcome.questions) ask(connection, question, round);
  for (const core::CallId call : outcome.withdrawn) authorizer_->withdraw(call);
  for (const log::Record& record : outcome.records) log::write(record);
  for (const NamedHold& named : outcome.idle_holds) report_idle_holder(named);
  for (const auto& [connection, resource] : outcome.quota_hits) {
    report_quota(connection->peer, connection->account(), resource);
  }
  for (const Answered& answered : outcome.answered) report_request(answered);
  for (const ReaderOwner owner : outcome.faulty) {
    if (reader_events_.faulty) reader_events_.faulty(owner);
  }
}

void Server::set_timer() {
  auto deadline = core_.next_deadline();
  if (accept_again_at_ && (!deadline || *accept_again_at_ < *deadline)) {
    deadline = accept_again_at_;
  }
  if (!deadline || (timer_set_ && *timer_set_ <= *deadline)) return;
  timer_set_ = deadline;
  timer_.set(deadline);
}

}  // namespace cardea
