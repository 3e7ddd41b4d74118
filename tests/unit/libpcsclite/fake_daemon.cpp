#include "fake_daemon.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>

#include "base/assert.hpp"
#include "base/scard_rv.hpp"
#include "base/unix_socket.hpp"
#include "protocol/codec.hpp"
#include "protocol/framer.hpp"

namespace cardea::test {
namespace {

using wire::Command;

constexpr std::chrono::seconds kAwaitMax{30};

template <typename Message>
Message as(const FakeRequest& request) {
  return wire::decode<Message>(request.body);
}

/// The request's message with its code set to success.
template <typename Message>
FakeAnswer agree(const FakeRequest& request) {
  auto message = as<Message>(request);
  message.rv = 0;
  return {to_bytes(message)};
}

}  // namespace

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

wire::ReaderState slot(const std::string& name, std::uint32_t state, std::int32_t sharing) {
  wire::ReaderState result{};
  wire::set_name(result.name, name);
  result.event_counter = 5;
  result.state = state;
  result.sharing = sharing;
  if ((state & wire::kStatePresent) != 0) {
    result.atr[0] = 0x3B;
    result.atr[2] = 0x7F;
    result.atr_bytes = 3;
    result.protocol = wire::kProtocolT1;
  }
  return result;
}

FakeDaemon::FakeDaemon() : FakeDaemon(Options{}) {}

FakeDaemon::FakeDaemon(Options options) : options_(std::move(options)) {
  std::string name = "/tmp/fake-daemon-XXXXXX";
  CARDEA_ASSERT(::mkdtemp(name.data()) != nullptr);
  directory_ = name;
  path_ = directory_ + "/socket";
  auto listener = listen_unix(path_, 64);
  CARDEA_ASSERT(listener.has_value());
  listener_ = std::move(*listener);
  stop_.reset(::eventfd(0, EFD_CLOEXEC));
  acceptor_ = std::thread([this] { accept_clients(); });
}

FakeDaemon::~FakeDaemon() {
  (void)::eventfd_write(stop_.get(), 1);
  acceptor_.join();
  hang_up();
  for (Connection& connection : connections_) connection.thread.join();
  ::unlink(path_.c_str());
  ::rmdir(directory_.c_str());
}

void FakeDaemon::set_readers(std::vector<wire::ReaderState> readers, std::uint32_t reader_events) {
  const std::lock_guard guard(mutex_);
  options_.readers = std::move(readers);
  options_.reader_events = reader_events;
}

void FakeDaemon::set_minors(std::set<int> minors, int own_minor) {
  const std::lock_guard guard(mutex_);
  options_.minors = std::move(minors);
  options_.own_minor = own_minor;
}

void FakeDaemon::await(Command command, int count) {
  std::unique_lock lock(mutex_);
  const bool came = arrived_.wait_for(lock, kAwaitMax, [&] { return seen_[command] >= count; });
  ASSERT_TRUE(came) << to_string(command) << " came " << seen_[command] << " times";
}

void FakeDaemon::await_armed(int count) {
  std::unique_lock lock(mutex_);
  ASSERT_TRUE(arrived_.wait_for(lock, kAwaitMax, [&] { return armings_ >= count; }));
}

int FakeDaemon::armings() const {
  const std::lock_guard guard(mutex_);
  return armings_;
}

int FakeDaemon::seen(Command command) const {
  const std::lock_guard guard(mutex_);
  const auto found = seen_.find(command);
  return found == seen_.end() ? 0 : found->second;
}

int FakeDaemon::connections() const {
  const std::lock_guard guard(mutex_);
  return static_cast<int>(connections_.size());
}

std::vector<std::vector<Command>> FakeDaemon::reads() const {
  const std::lock_guard guard(mutex_);
  return reads_;
}

void FakeDaemon::forget_reads() {
  const std::lock_guard guard(mutex_);
  reads_.clear();
}

void FakeDaemon::complete(std::uint32_t rv) {
  {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(arrived_.wait_for(
        lock, kAwaitMax, [this] { return std::ranges::any_of(connections_, &Connection::armed); }));
  }
  complete_if_armed(rv);
}

void FakeDaemon::complete_if_armed(std::uint32_t rv) {
  const std::lock_guard guard(mutex_);
  for (Connection& connection : connections_) {
    if (!std::exchange(connection.armed, false)) continue;
    connection.registered = false;
    send(connection, to_bytes(wire::Completion{0, rv}));
  }
}

void FakeDaemon::hang_up() {
  const std::lock_guard guard(mutex_);
  for (const Connection& connection : connections_) ::shutdown(connection.fd.get(), SHUT_RDWR);
}

void FakeDaemon::accept_clients() {
  for (;;) {
    std::array<pollfd, 2> polled{pollfd{listener_.get(), POLLIN, 0},
                                 pollfd{stop_.get(), POLLIN, 0}};
    if (::poll(polled.data(), polled.size(), -1) < 0) continue;
    if (polled[1].revents != 0) return;
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) continue;
    const std::lock_guard guard(mutex_);
    Connection& connection = connections_.emplace_back();
    connection.fd = std::move(fd);
    connection.thread = std::thread([this, &connection] { serve(connection); });
  }
}

void FakeDaemon::serve(Connection& connection) {
  Bytes input;
  std::array<std::byte, 70000> buffer;
  for (;;) {
    const ssize_t got = ::recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    input.insert(input.end(), buffer.begin(), buffer.begin() + got);
    std::vector<FakeRequest> requests;
    for (;;) {
      const wire::Dialect& dialect =
          connection.dialect != nullptr ? *connection.dialect : wire::newest_dialect();
      const auto result = wire::next_frame(dialect, input);
      const auto* const frame = std::get_if<wire::Frame>(&result);
      if (frame == nullptr) break;
      requests.push_back({frame->command,
                          {frame->body.begin(), frame->body.end()},
                          {frame->payload.begin(), frame->payload.end()}});
      input.erase(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(frame->bytes));
    }
    if (requests.empty()) continue;
    {
      const std::lock_guard guard(mutex_);
      auto& read = reads_.emplace_back();
      for (const FakeRequest& request : requests) read.push_back(request.command);
    }
    for (const FakeRequest& request : requests) {
      if (!handle(connection, request)) {
        // Closes for good, so that unread input resets the peer.
        const std::lock_guard guard(mutex_);
        connection.fd.reset();
        return;
      }
    }
  }
  ::shutdown(connection.fd.get(), SHUT_RDWR);
}

bool FakeDaemon::handle(Connection& connection, const FakeRequest& request) {
  {
    const std::lock_guard guard(mutex_);
    ++seen_[request.command];
    arrived_.notify_all();
  }
  std::optional<FakeAnswer> answer;
  if (options_.hook) answer = options_.hook(request);
  const std::lock_guard guard(mutex_);
  if (!answer) answer = standard_answer(connection, request);
  const bool sent = send(connection, answer->bytes);
  // A 4:6 client may not be told before it has its array.
  if (connection.registered && !connection.armed &&
      (!connection.dialect->completion_waits_for_array ||
       request.command == Command::get_readers_state_array)) {
    connection.armed = true;
    ++armings_;
    arrived_.notify_all();
  }
  return sent && !answer->hangs_up;
}

FakeAnswer FakeDaemon::standard_answer(Connection& connection, const FakeRequest& request) {
  if (connection.refused && options_.hangs_up_after_refusal &&
      request.command != Command::version) {
    return {{}, true};
  }
  switch (request.command) {
    case Command::version:
      return answer_version(connection, request);
    case Command::establish_context: {
      auto message = as<wire::Establish>(request);
      message.rv = message.scope > wire::kScopeMax ? to_wire(ScardRv::invalid_value) : 0;
      message.context = message.rv == 0 ? ++next_number_ : 0;
      return {to_bytes(message)};
    }
    case Command::release_context:
      return agree<wire::Release>(request);
    case Command::connect:
      return answer_connect(request);
    case Command::reconnect: {
      auto message = as<wire::Reconnect>(request);
      message.active_protocol = wire::kProtocolT1;
      return {to_bytes(message)};
    }
    case Command::disconnect:
      return agree<wire::Disconnect>(request);
    case Command::begin_transaction:
      return agree<wire::Begin>(request);
    case Command::end_transaction:
      return agree<wire::End>(request);
    case Command::status:
      return agree<wire::Status>(request);
    case Command::transmit: {  // echoes the command
      auto message = as<wire::Transmit>(request);
      message.recv_bytes = message.send_bytes;
      message.rv = 0;
      return {to_bytes(message) + request.payload};
    }
    case Command::control: {
      auto message = as<wire::Control>(request);
      message.bytes_returned = message.send_bytes;
      message.rv = 0;
      return {to_bytes(message) + request.payload};
    }
    case Command::get_attrib: {
      auto message = as<wire::Attribute>(request);
      message.value[0] = 0x3B;
      message.bytes = 5;
      message.rv = 0;
      return {to_bytes(message)};
    }
    case Command::set_attrib:
      return agree<wire::Attribute>(request);
    default:
      return answer_wait(connection, request.command);
  }
}

FakeAnswer FakeDaemon::answer_version(Connection& connection, const FakeRequest& request) {
  auto message = as<wire::Version>(request);
  const bool agrees = message.major == wire::kMajor && options_.minors.contains(message.minor);
  connection.refused = !agrees;
  if (agrees) connection.dialect = wire::find_dialect(message.major, message.minor);
  if (!agrees || options_.names_own_minor) message.minor = options_.own_minor;
  message.major = wire::kMajor;
  message.rv = agrees ? 0 : options_.refusal;
  return {to_bytes(message)};
}

FakeAnswer FakeDaemon::answer_connect(const FakeRequest& request) {
  auto message = as<wire::Connect>(request);
  const bool known = std::ranges::any_of(options_.readers, [&](const wire::ReaderState& reader) {
    return wire::name_text(reader.name) == wire::name_text(message.reader);
  });
  message.rv = known ? 0 : to_wire(ScardRv::unknown_reader);
  message.card = known ? static_cast<std::int32_t>(++next_number_) : 0;
  message.active_protocol = known ? wire::kProtocolT1 : wire::kProtocolUnset;
  return {to_bytes(message)};
}

FakeAnswer FakeDaemon::answer_wait(Connection& connection, Command command) {
  const wire::Dialect& dialect = *connection.dialect;
  switch (command) {
    case Command::get_readers_state:
      return {states(wire::kFixedSlots)};
    case Command::get_readers_state_size:
      return {to_bytes(wire::StateSize{
          static_cast<std::int32_t>(std::max(options_.readers.size(), wire::kFixedSlots))})};
    case Command::get_readers_state_array:
      return {states(std::max(options_.readers.size(), wire::kFixedSlots))};
    case Command::get_reader_events:
      return {to_bytes(wire::ReaderEvents{options_.reader_events, 0})};
    case Command::wait_reader_state_change:
      connection.registered = true;
      return {dialect.wait_sends_states ? states(wire::kFixedSlots) : Bytes{}};
    case Command::stop_waiting_reader_state_change:
      connection.armed = false;
      if (!std::exchange(connection.registered, false)) return {};
      return {to_bytes(wire::Completion{0, 0})};
    default:
      return {{}, true};
  }
}

Bytes FakeDaemon::states(std::size_t slots) const {
  Bytes result;
  for (std::size_t i = 0; i < slots; ++i) {
    result = std::move(result) +
             to_bytes(i < options_.readers.size() ? options_.readers[i] : wire::empty_slot());
  }
  return result;
}

bool FakeDaemon::send(const Connection& connection, const Bytes& bytes) const {
  const std::size_t step = options_.dribbles ? 1 : bytes.size();
  for (std::size_t sent = 0; sent < bytes.size(); sent += step) {
    const ssize_t rc = ::send(connection.fd.get(), bytes.data() + sent, step, MSG_NOSIGNAL);
    if (rc != static_cast<ssize_t>(step)) return false;
  }
  return true;
}

}  // namespace cardea::test
