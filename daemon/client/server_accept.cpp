// Server: newcomers, and what becomes of them when there is no room: none in the process, none for
// their user, or no descriptor to take them with.
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "daemon/auth/peer_identity.hpp"
#include "daemon/client/server.hpp"

namespace cardea {
namespace {

/// Newcomers served in one go, before others get their turn.
constexpr int kAcceptBatchMax = 64;
/// Without descriptors: each client that leaves makes room for the next. But they may be missing in
/// the whole machine, and nobody may be there who could leave; so we look again after this time.
constexpr milliseconds kAcceptAgain{1'000};
/// Shortages that follow each other faster than this are one, for the log.
constexpr std::chrono::seconds kShortageReportGap{60};

}  // namespace

void Server::accept_clients() {
  {
    MutexLock lock(core_mutex_);
    if (leaving_ || stopping_) return;
    ++accepting_;
  }
  auto last = Accepted::one;
  for (int i = 0; i < kAcceptBatchMax && last == Accepted::one; ++i) last = accept_one();
  MutexLock lock(core_mutex_);
  --accepting_;
  if (last == Accepted::none) in_shortage_ = false;
  // Not accept_paused_: somebody may have left since the pause began.
  if (last != Accepted::no_descriptor && !stopping_) {
    poller_.arm(listener_.get(), kListenToken, EPOLLIN);
  }
}

Server::Accepted Server::accept_one() {
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) {
    if (errno == ECONNABORTED || errno == EINTR) return Accepted::one;
    if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS) {
      return Accepted::none;
    }
    pause_accepting(std::strerror(errno));
    return Accepted::no_descriptor;
  }
  const auto peer = peer_credentials(fd.get());
  if (!peer) return Accepted::one;
  ConnectionPtr connection;
  bool has_room = false;
  {
    MutexLock lock(core_mutex_);
    has_room = connections_.size() < settings_.clients_max;
    if (const auto id = has_room ? core_.add_client({peer->pid, peer->uid}) : core::ConnId{}; id) {
      connection =
          std::make_shared<Connection>(poller_, std::move(fd), id, *peer, core_.account(id));
      connections_[id] = connection;
      if (observer_ != nullptr) observer_->client_came(id, *peer);
      census_changed();
    }
  }
  if (!connection) {
    has_room ? refuse_user(*peer) : refuse_client(*peer);
    return Accepted::one;
  }
  if (!connection->open()) {
    Round round;
    if (connection->claim()) close(connection, round);
    run(round);
  }
  return Accepted::one;
}

void Server::pause_accepting(const std::string& why) {
  bool report = false;
  {
    MutexLock lock(core_mutex_);
    const TimePoint now = Clock::now();
    accept_paused_ = true;
    accept_again_at_ = now + kAcceptAgain;
    set_timer();
    const bool recent = shortage_reported_ && *shortage_reported_ + kShortageReportGap > now;
    report = !in_shortage_ && !recent;
    in_shortage_ = true;
    if (report) shortage_reported_ = now;
  }
  if (!report) return;
  log::write(log::Level::error,
             "cannot accept further clients: " + why +
                 "; they wait until one leaves. Remedy: raise LimitNOFILE= of pcscd.service",
             {}, log::Event::descriptor_limit);
}

void Server::resume_accepting() {
  if (!accept_paused_) return;
  accept_paused_ = false;
  accept_again_at_.reset();
  if (!stopping_) poller_.arm(listener_.get(), kListenToken, EPOLLIN);
}

void Server::refuse_client(const PeerCredentials& peer) const {
  const PeerIdentity who = identify(peer);
  log::write(log::Level::warning,
             "refused " + who.text + ": " + std::to_string(settings_.clients_max) +
                 " clients are connected. Remedy: pcscd --max-thread",
             who.fields, log::Event::client_limit);
}

void Server::refuse_user(const PeerCredentials& peer) {
  std::shared_ptr<core::UserAccount> account;
  {
    MutexLock lock(core_mutex_);
    account = core_.account_of(peer.uid);
  }
  if (account->should_report(core::Resource::connections)) {
    report_quota(peer, *account, core::Resource::connections);
  }
}

void Server::report_quota(const PeerCredentials& peer, const core::UserAccount& account,
                          core::Resource resource) {
  const PeerIdentity who = identify(peer);
  const std::string user = std::to_string(account.uid);
  const std::string limit = std::to_string(account.limit(resource));
  const std::string what = to_string(resource);
  const char* sees = resource == core::Resource::bytes
                         ? "its connection was closed, or its request refused"
                         : "the program sees SCARD_E_NO_MEMORY";
  log::Fields fields = who.fields;
  fields.insert(fields.end(), {{"QUOTA", what}, {"LIMIT", limit}, {"RV", "SCARD_E_NO_MEMORY"}});
  log::write(log::Level::warning,
             who.text + " was refused: the programs of user " + user + " have all the " + limit +
                 " " + what + " that one user may have; " + sees +
                 ". Other users are served. Remedy: end the programs of user " + user +
                 " that hold so many (pcscctl status), or raise the limit: pcscd " +
                 option_of(resource),
             std::move(fields), log::Event::user_limit);
}

}  // namespace cardea
