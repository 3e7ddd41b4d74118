// Server: what it shows to whoever looks on, and the record of transactions that are held unused.
#include <algorithm>

#include "base/apdu_mask.hpp"
#include "daemon/auth/peer_identity.hpp"
#include "daemon/client/server.hpp"

namespace cardea {
namespace {

/// Waiting programs that a record names; of more it says the number.
constexpr std::size_t kNamedWaitersMax = 5;
/// Bytes of one APDU that are shown.
constexpr std::size_t kShownBytesMax = 512;

std::string seconds(Duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
}

std::span<const unsigned char> plain(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()};
}

}  // namespace

ServerStatus Server::status() {
  MutexLock lock(core_mutex_);
  ServerStatus status;
  status.now = Clock::now();
  status.core = core_.snapshot();
  for (const auto& [id, connection] : connections_) {
    status.peers[id] = {connection->peer, connection->since};
  }
  observe();  // changes count from here
  return status;
}

void Server::observe() {
  if (observer_ == nullptr) return;
  if (!observer_->wants_changes()) {
    readers_seen_.reset();
    return;
  }
  std::vector<core::ReaderSnapshot> readers = core_.reader_snapshots();
  if (readers_seen_) {
    std::vector<core::Change> found = core::changes(*readers_seen_, readers);
    if (!found.empty()) observer_->changed(std::move(found));
  }
  readers_seen_ = std::move(readers);
}

void Server::show_exchange(const PendingJob& done, const core::JobResult& result, Duration took) {
  const core::Job& job = done.job;
  const bool control = job.kind == core::JobKind::control;
  if (!control && job.kind != core::JobKind::transmit) return;
  Exchange exchange;
  exchange.conn = job.conn;
  exchange.control = control;
  exchange.rv = result.rv;
  exchange.took = took;
  const auto command = plain(job.payload);
  const SecretRange secret = control ? secret_of_control(0, command) : secret_of_apdu(command);
  exchange.command = masked_hex(command, secret, kShownBytesMax);
  if (result.rv == ScardRv::success) {
    const std::size_t bytes = std::min(result.bytes, result.data.size());
    exchange.response = log::hex(plain(result.data.first(bytes)), kShownBytesMax);
  }
  {
    MutexLock lock(core_mutex_);
    exchange.reader = core_.reader_name(job.reader);
  }
  observer_->exchanged(std::move(exchange));
}

Server::NamedHold Server::named(const core::IdleHold& hold) {
  NamedHold named{hold, {}, {}};
  if (const ConnectionPtr holder = find(hold.holder)) named.holder = holder->peer;
  for (const core::ConnId id : hold.waiters) {
    const ConnectionPtr waiter = find(id);
    if (waiter && named.waiters.size() < kNamedWaitersMax) named.waiters.push_back(waiter->peer);
  }
  if (observer_ != nullptr) observer_->holder_idle(hold.reader, hold.holder, hold.reset);
  return named;
}

void Server::report_idle_holder(const NamedHold& named) {
  const PeerIdentity who = identify(named.holder);
  std::string waiting;
  std::string waiting_pids;
  for (const PeerCredentials& waiter : named.waiters) {
    if (!waiting.empty()) waiting += ", ";
    waiting += identify(waiter).text;
    waiting_pids += (waiting_pids.empty() ? "" : " ") + std::to_string(waiter.pid);
  }
  const std::size_t more = named.hold.waiters.size() - named.waiters.size();
  if (more > 0) waiting += " and " + std::to_string(more) + " more";
  if (named.hold.waiters.empty()) waiting = "nobody";
  waiting += named.hold.waiters.size() > 1 ? " wait" : " waits";
  const std::string reader = log::escape(named.hold.reader);
  log::Fields fields = who.fields;
  fields.insert(fields.end(),
                {{"READER", reader},
                 {"HELD_SEC", std::to_string(named.hold.held / std::chrono::seconds(1))},
                 {"IDLE_SEC", std::to_string(named.hold.idle / std::chrono::seconds(1))},
                 {"WAITING_PIDS", waiting_pids},
                 {"TAKEN", named.hold.reset ? "yes" : "no"}});
  std::string text = "reader \"" + reader + "\": " + who.text + " has held a transaction for " +
                     seconds(named.hold.held) + " and not used it for " + seconds(named.hold.idle) +
                     "; " + waiting + ". ";
  text += named.hold.reset ? "The card is reset and handed over (--idle-holder-policy)"
                           : "Remedy: let the program finish, or close it; pcscd "
                             "--idle-holder-policy=reset takes the card away";
  const bool harm = !named.hold.waiters.empty();
  log::write(harm ? log::Level::warning : log::Level::info, text, std::move(fields),
             log::Event::holder_idle);
}

}  // namespace cardea
