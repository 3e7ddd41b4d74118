#include "tests/fuzz/library/lying_daemon.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/assert.hpp"
#include "protocol/codec.hpp"
#include "protocol/dialect.hpp"
#include "protocol/framer.hpp"

namespace cardea::fuzz {
namespace {

using Answer = std::vector<std::byte>;

LyingDaemon* current_daemon = nullptr;

/// Connections of one run; a client that tries for ever finds nobody then.
constexpr std::size_t kConnectionsMax = 8;
/// Nothing more is answered to who does not read.
constexpr std::size_t kStateSlots = wire::kFixedSlots;

template <typename Struct>
Answer to_answer(const Struct& value) {
  const auto bytes = wire::as_bytes(value);
  return {bytes.begin(), bytes.end()};
}

Answer states(std::size_t slots) {
  Answer answer(slots * sizeof(wire::ReaderState));
  wire::ReaderState state{};
  wire::set_name(state.name, "R");
  state.state = wire::kStatePresent | wire::kStatePowered | wire::kStateNegotiable;
  state.atr[0] = 0x3B;
  state.atr_bytes = 2;
  state.protocol = wire::kProtocolT1;
  std::memcpy(answer.data(), &state, sizeof state);
  return answer;
}

/// The request with its result fields filled in.
template <typename Message, typename Fill>
Answer filled(std::span<const std::byte> body, const Fill& fill) {
  auto message = wire::decode<Message>(body);
  fill(message);
  return to_answer(message);
}

Answer with_payload(Answer answer, std::size_t bytes) {
  answer.insert(answer.end(), bytes, std::byte{0x90});
  return answer;
}

}  // namespace

LyingDaemon::LyingDaemon(Input& input) : input_(input) { current_daemon = this; }
LyingDaemon::~LyingDaemon() { current_daemon = nullptr; }
LyingDaemon* LyingDaemon::current() { return current_daemon; }

bool LyingDaemon::accept(int fd) {
  if (connections_.size() >= kConnectionsMax) return false;
  std::array<int, 2> pair{};
  CARDEA_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
  const UniqueFd client(pair[0]);
  CARDEA_ASSERT(::dup3(client.get(), fd, O_CLOEXEC) == fd);
  connections_.push_back({fd, UniqueFd(pair[1]), {}});
  return true;
}

LyingDaemon::Connection* LyingDaemon::find(int fd) {
  // The youngest: numbers of descriptors are used again.
  const auto found = std::find_if(connections_.rbegin(), connections_.rend(),
                                  [fd](const Connection& one) { return one.client == fd; });
  return found == connections_.rend() ? nullptr : &*found;
}

void LyingDaemon::hear(int fd, std::span<const std::byte> bytes) {
  Connection* connection = find(fd);
  if (connection == nullptr) return;
  std::array<std::byte, 4096> drained{};
  while (::recv(connection->fd.get(), drained.data(), drained.size(), MSG_DONTWAIT) > 0) {
  }
  std::vector<std::byte>& heard = connection->heard;
  heard.insert(heard.end(), bytes.begin(), bytes.end());
  for (;;) {
    // Our own client's requests are well-formed in whatever dialect it believes to speak.
    wire::FrameResult next = wire::next_frame(wire::newest_dialect(), heard);
    if (!std::holds_alternative<wire::Frame>(next)) {
      next = wire::next_frame(wire::default_dialect(), heard);
    }
    const auto* frame = std::get_if<wire::Frame>(&next);
    if (frame == nullptr) return;
    answer(*connection, frame->command, frame->body);
    heard.erase(heard.begin(), heard.begin() + static_cast<std::ptrdiff_t>(frame->bytes));
  }
}

void LyingDaemon::hang_up_if_silent(int fd) {
  Connection* connection = find(fd);
  if (connection == nullptr) return;
  pollfd readable{fd, POLLIN, 0};
  if (::poll(&readable, 1, 0) == 0) ::shutdown(connection->fd.get(), SHUT_WR);
}

void LyingDaemon::answer(Connection& connection, wire::Command command,
                         std::span<const std::byte> body) {
  if (input_.used_up()) return;
  std::vector<std::byte> bytes = good_answer(command, body);
  spoil(bytes);
  // What does not fit into the socket is lost, as with a daemon that dies.
  (void)::send(connection.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

std::vector<std::byte> LyingDaemon::good_answer(wire::Command command,
                                                std::span<const std::byte> body) {
  using wire::Command;
  switch (command) {
    case Command::establish_context:
      return filled<wire::Establish>(body, [](auto& message) { message.context = 1; });
    case Command::connect:
      return filled<wire::Connect>(body, [](auto& message) {
        message.card = 2;
        message.active_protocol = wire::kProtocolT1;
      });
    case Command::reconnect:
      return filled<wire::Reconnect>(
          body, [](auto& message) { message.active_protocol = wire::kProtocolT1; });
    case Command::transmit: {
      const std::size_t room = wire::decode<wire::Transmit>(body).recv_bytes;
      const std::size_t bytes = std::min<std::size_t>(room, input_.byte());
      return with_payload(
          filled<wire::Transmit>(
              body,
              [bytes](auto& message) { message.recv_bytes = static_cast<std::uint32_t>(bytes); }),
          bytes);
    }
    case Command::control: {
      const std::size_t room = wire::decode<wire::Control>(body).recv_bytes_max;
      const std::size_t bytes = std::min<std::size_t>(room, input_.byte());
      return with_payload(filled<wire::Control>(body,
                                                [bytes](auto& message) {
                                                  message.bytes_returned =
                                                      static_cast<std::uint32_t>(bytes);
                                                }),
                          bytes);
    }
    case Command::get_attrib:
      return filled<wire::Attribute>(body, [](auto& message) { message.bytes = 4; });
    case Command::get_readers_state_size:
      return to_answer(wire::StateSize{kStateSlots});
    case Command::get_readers_state:
    case Command::get_readers_state_array:
      return states(kStateSlots);
    case Command::get_reader_events:
      return to_answer(wire::ReaderEvents{1, 0});
    case Command::wait_reader_state_change:
      return {};
    case Command::stop_waiting_reader_state_change:
      return to_answer(wire::Completion{1, 0});
    default:
      return {body.begin(), body.end()};
  }
}

void LyingDaemon::spoil(std::vector<std::byte>& answer) {
  const unsigned how = input_.byte();
  if (how < 0x80) return;  // it is honest
  const unsigned kind = how & 7U;
  if (kind <= 3) {  // some fields are something else
    for (unsigned i = 0; i <= kind && answer.size() >= sizeof(std::uint32_t); ++i) {
      const std::size_t fields = answer.size() / sizeof(std::uint32_t);
      // Counted from the end: return codes and lengths stand there.
      const std::size_t field = fields - 1 - std::min<std::size_t>(input_.byte(), fields - 1);
      const auto value = input_.bytes(sizeof(std::uint32_t));
      std::memcpy(answer.data() + field * sizeof(std::uint32_t), value.data(), value.size());
    }
  } else if (kind == 4) {
    answer.resize(std::min<std::size_t>(answer.size(), input_.byte()));
  } else if (kind == 5) {
    answer.clear();
  }
  if (kind >= 5) {  // more, or just any bytes
    const auto piece = std::as_bytes(input_.piece());
    answer.insert(answer.end(), piece.begin(), piece.end());
  }
}

}  // namespace cardea::fuzz

// What the linker puts in the place of the kernel's calls, for the library under test.
extern "C" {

using cardea::fuzz::LyingDaemon;

ssize_t __real_sendmsg(int fd, const msghdr* message, int flags);
ssize_t __real_recvmsg(int fd, msghdr* message, int flags);
int __real_ppoll(pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask);

int __wrap_connect(int fd, const sockaddr*, socklen_t) {
  LyingDaemon* daemon = LyingDaemon::current();
  if (daemon != nullptr && daemon->accept(fd)) return 0;
  errno = ECONNREFUSED;
  return -1;
}

ssize_t __wrap_sendmsg(int fd, const msghdr* message, int flags) {
  const ssize_t sent = __real_sendmsg(fd, message, flags);
  LyingDaemon* daemon = LyingDaemon::current();
  if (sent <= 0 || daemon == nullptr) return sent;
  std::vector<std::byte> bytes;
  for (const iovec& part : std::span(message->msg_iov, message->msg_iovlen)) {
    const auto* data = static_cast<const std::byte*>(part.iov_base);
    bytes.insert(bytes.end(), data, data + part.iov_len);
  }
  bytes.resize(std::min(bytes.size(), static_cast<std::size_t>(sent)));
  daemon->hear(fd, bytes);
  return sent;
}

ssize_t __wrap_recvmsg(int fd, msghdr* message, int flags) {
  if (LyingDaemon* daemon = LyingDaemon::current()) daemon->hang_up_if_silent(fd);
  return __real_recvmsg(fd, message, flags);
}

int __wrap_ppoll(pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  LyingDaemon* daemon = LyingDaemon::current();
  if (daemon != nullptr && count > 0) daemon->hang_up_if_silent(fds[0].fd);
  return __real_ppoll(fds, count, timeout, mask);
}

}  // extern "C"
