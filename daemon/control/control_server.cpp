#include "daemon/control/control_server.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "base/thread.hpp"
#include "daemon/auth/peer_identity.hpp"

namespace cardea {
namespace {

constexpr int kBacklog = 64;
constexpr std::size_t kGroupsMax = 1024;

bool is_in_group(int fd, const PeerCredentials& peer, gid_t group) {
  if (peer.gid == group) return true;
  std::vector<gid_t> groups(kGroupsMax);
  auto bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) != 0) return false;
  groups.resize(bytes / sizeof(gid_t));
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

ControlViewer viewer_of(int fd, const PeerCredentials& peer) {
  ControlViewer viewer;
  viewer.uid = peer.uid;
  viewer.may_trace = peer.uid == 0 || peer.uid == ::geteuid();
  viewer.sees_all = viewer.may_trace || is_in_group(fd, peer, ::getegid());
  return viewer;
}

bool fits(const ControlRequest& stream, const ControlEvent& event, const ProgramNames& names) {
  const auto* exchange = std::get_if<Exchange>(&event);
  if (stream.action == ControlRequest::Action::monitor) return exchange == nullptr;
  if (exchange == nullptr) return false;
  if (stream.reader) return *stream.reader == exchange->reader;
  const Program* program = names.find(exchange->conn);
  return program != nullptr && stream.pid == program->peer.pid;
}

}  // namespace

std::string ControlServer::path_for(const std::string& socket_path) {
  static constexpr std::string_view kSuffix = ".comm";
  std::string path = socket_path;
  if (path.ends_with(kSuffix)) path.resize(path.size() - kSuffix.size());
  return path + ".control";
}

Result<std::unique_ptr<ControlServer>> ControlServer::create(Server& server, ControlHub& hub,
                                                             ControlInfo info,
                                                             const std::string& path) {
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  if (!stop) return failure(ScardRv::no_service, std::string("eventfd: ") + std::strerror(errno));
  auto listener = listen_unix(path, kBacklog);
  if (!listener) return tl::make_unexpected(listener.error());
  std::unique_ptr<ControlServer> control(
      new ControlServer(server, hub, std::move(info), path, std::move(*listener), std::move(stop)));
  if (!start_thread(control->thread_, [raw = control.get()] { raw->run(); })) {
    return failure(ScardRv::no_service, "the system has no thread for the control socket");
  }
  return control;
}

ControlServer::ControlServer(Server& server, ControlHub& hub, ControlInfo info, std::string path,
                             UniqueFd listener, UniqueFd stop)
    : server_(server),
      hub_(hub),
      info_(std::move(info)),
      path_(std::move(path)),
      listener_(std::move(listener)),
      stop_(std::move(stop)) {}

ControlServer::~ControlServer() {
  ::eventfd_write(stop_.get(), 1);
  if (thread_.joinable()) thread_.join();
  ::unlink(path_.c_str());
}

void ControlServer::run() {
  ::pthread_setname_np(::pthread_self(), "control");
  std::vector<pollfd> entries;
  for (;;) {
    entries.assign({{stop_.get(), POLLIN, 0}, {hub_.fd(), POLLIN, 0}});
    for (const ControlConnection& connection : connections_) {
      const int output = connection.has_output() ? POLLOUT : 0;
      const int input = connection.is_finishing() || connection.has_too_long_line() ? 0 : POLLIN;
      entries.push_back({connection.fd(), static_cast<short>(input | output), 0});
    }
    // A full house leaves newcomers in the queue until somebody goes.
    if (connections_.size() < kConnectionsMax) entries.push_back({listener_.get(), POLLIN, 0});
    if (::poll(entries.data(), entries.size(), silence_left_ms()) < 0) continue;  // EINTR
    if (entries[0].revents != 0) return;
    if (entries[1].revents != 0) publish();
    const bool newcomer = connections_.size() < kConnectionsMax && entries.back().revents != 0;
    std::size_t place = 2;
    for (auto it = connections_.begin(); it != connections_.end(); ++place) {
      bool stays = true;
      if ((entries[place].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        stays = it->receive(Clock::now());
      }
      if (stays) serve(*it);
      stays = stays && it->flush() && !it->is_finished();
      it = stays ? std::next(it) : connections_.erase(it);
    }
    drop_silent();
    if (newcomer) accept();
    update_wishes();
  }
}

int ControlServer::silence_left_ms() const {
  std::optional<TimePoint> first;
  for (const ControlConnection& connection : connections_) {
    const auto since = connection.silent_since();
    if (since && (!first || *since < *first)) first = since;
  }
  if (!first) return -1;
  const auto left = std::chrono::ceil<milliseconds>(*first + kSilenceMax - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

void ControlServer::drop_silent() {
  const TimePoint now = Clock::now();
  connections_.remove_if([now](const ControlConnection& connection) {
    const auto since = connection.silent_since();
    return since && *since + kSilenceMax <= now;
  });
}

void ControlServer::accept() {
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return;
  const auto peer = peer_credentials(fd.get());
  if (!peer) return;
  const auto same_user =
      std::count_if(connections_.begin(), connections_.end(),
                    [&](const ControlConnection& other) { return other.peer().uid == peer->uid; });
  if (peer->uid != 0 && static_cast<std::size_t>(same_user) >= kConnectionsOfUserMax) return;
  const ControlViewer viewer = viewer_of(fd.get(), *peer);
  connections_.emplace_back(std::move(fd), *peer, viewer, Clock::now());
}

void ControlServer::serve(ControlConnection& connection) {
  while (const auto line = connection.next_line()) obey(connection, *line);
  if (connection.has_too_long_line() && !connection.is_finishing()) {
    refuse(connection, "bad-request", "the request is too long");
  }
}

void ControlServer::obey(ControlConnection& connection, const std::string& line) {
  const auto request = parse_control_request(line);
  if (!request) return refuse(connection, "bad-request", request.error().context);
  if (connection.stream()) return refuse(connection, "bad-request", "this is a stream already");
  switch (request->action) {
    case ControlRequest::Action::status:
      return connection.answer(status_json(server_.status(), info_, connection.viewer()));
    case ControlRequest::Action::trace:
      if (!connection.viewer().may_trace) {
        return refuse(connection, "not-allowed",
                      "traces are for root and the user of the daemon only");
      }
      return start_stream(connection, *request);
    case ControlRequest::Action::monitor:
      return start_stream(connection, *request);
  }
}

void ControlServer::refuse(ControlConnection& connection, const char* code,
                           const std::string& why) {
  const PeerIdentity who = identify(connection.peer());
  log::write(log::Level::warning, "control socket: refused " + who.text + ": " + why, who.fields,
             log::Event::control_refused);
  connection.answer(error_json(code, why));
  connection.finish();
}

void ControlServer::start_stream(ControlConnection& connection, const ControlRequest& request) {
  connection.set_stream(request);
  update_wishes();  // before the look at what is there: nothing is missed between
  names_.add_all(server_.status());
  const bool trace = request.action == ControlRequest::Action::trace;
  connection.answer(started_json(trace ? "trace" : "monitor"));
}

void ControlServer::publish() {
  const ControlHub::Batch batch = hub_.take();
  for (const TimedEvent& event : batch.events) {
    if (const auto* came = std::get_if<ClientCame>(&event.event))
      names_.add(came->conn, came->peer);
    for (ControlConnection& connection : connections_) {
      const auto& stream = connection.stream();
      if (!stream || !fits(*stream, event.event, names_)) continue;
      connection.event(event_json(event, names_, connection.viewer()));
    }
    if (const auto* gone = std::get_if<ClientGone>(&event.event)) names_.remove(gone->conn);
  }
  if (batch.lost == 0) return;
  for (ControlConnection& connection : connections_) {
    if (connection.stream()) connection.lose(batch.lost);
  }
}

void ControlServer::update_wishes() {
  bool changes = false;
  bool exchanges = false;
  for (const ControlConnection& connection : connections_) {
    if (!connection.stream()) continue;
    const bool trace = connection.stream()->action == ControlRequest::Action::trace;
    (trace ? exchanges : changes) = true;
  }
  hub_.want(changes, exchanges);
  if (!changes && !exchanges) names_.clear();
}

}  // namespace cardea
