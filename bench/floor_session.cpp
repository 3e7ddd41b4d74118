// The client side of the floor: each operation is one write and one read of the sizes the same
// operation has in PC/SC when it takes one round trip. One thread per session.
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/unique_fd.hpp"
#include "base/unix_socket.hpp"
#include "bench/floor_protocol.hpp"
#include "bench/session.hpp"

namespace cardea::bench {
namespace {

constexpr std::size_t kStatesBytes = wire::kFixedSlots * sizeof(wire::ReaderState);

template <typename Message>
constexpr std::size_t request_of = sizeof(wire::Header) + sizeof(Message);

class FloorLink {
 public:
  void open(const std::string& socket) {
    auto fd = connect_unix(socket);
    if (!fd) fail(fd.error().context);
    fd_ = std::move(*fd);
  }
  void close() { fd_.reset(); }

  void exchange(FloorOp op, std::size_t request_bytes, std::size_t reply_bytes,
                std::uint32_t argument = 0) {
    const FloorRequest request{static_cast<std::uint32_t>(request_bytes),
                               static_cast<std::uint32_t>(reply_bytes), op, 0, argument};
    if (request_bytes < sizeof request || request_bytes > buffer_.size()) fail("floor: size");
    std::memcpy(buffer_.data(), &request, sizeof request);
    for (std::size_t sent = 0; sent < request_bytes;) {
      sent += checked(::send(fd_.get(), buffer_.data() + sent, request_bytes - sent, MSG_NOSIGNAL));
    }
    for (std::size_t have = 0; have < reply_bytes;) {
      have += checked(::recv(fd_.get(), buffer_.data() + have, reply_bytes - have, 0));
    }
  }

 private:
  static std::size_t checked(ssize_t n) {
    if (n > 0) return static_cast<std::size_t>(n);
    if (n < 0 && errno == EINTR) return 0;
    fail(n == 0 ? "floor: the server went away" : std::string("floor: ") + std::strerror(errno));
  }

  UniqueFd fd_;
  std::array<std::byte, kFloorMessageBytesMax> buffer_{};
};

class FloorSession final : public Session {
 public:
  explicit FloorSession(std::string socket) : socket_(std::move(socket)) {}

  void establish() override {
    link_.open(socket_);
    link_.exchange(FloorOp::exchange, request_of<wire::Version> + request_of<wire::Establish>,
                   sizeof(wire::Version) + sizeof(wire::Establish));
  }
  void release() override { link_.close(); }
  void connect() override {
    link_.exchange(FloorOp::exchange, request_of<wire::Connect>, sizeof(wire::Connect));
  }
  void disconnect() override {
    link_.exchange(FloorOp::exchange, request_of<wire::Disconnect>, sizeof(wire::Disconnect));
  }
  void begin() override {
    link_.exchange(FloorOp::begin, request_of<wire::Begin>, sizeof(wire::Begin));
  }
  void end() override { link_.exchange(FloorOp::end, request_of<wire::End>, sizeof(wire::End)); }
  void transmit(std::span<const std::uint8_t> command, std::size_t response_bytes) override {
    link_.exchange(FloorOp::exchange, request_of<wire::Transmit> + command.size(),
                   sizeof(wire::Transmit) + response_bytes);
  }
  void keep_busy(unsigned hold_ms) override {
    link_.exchange(FloorOp::exchange, request_of<wire::Transmit> + 4, sizeof(wire::Transmit) + 2,
                   hold_ms);
  }
  void status() override {
    link_.exchange(FloorOp::exchange, request_of<wire::Status> + sizeof(wire::Header),
                   sizeof(wire::Status) + kStatesBytes);
  }
  void list() override {
    link_.exchange(FloorOp::exchange, 2 * sizeof(wire::Header), kStatesBytes);
  }
  void poll_state() override { list(); }
  void wait_card(bool present) override {
    link_.exchange(FloorOp::wait_card, request_of<wire::WaitBody>, sizeof(wire::Completion),
                   present ? 1 : 0);
    list();
  }

 private:
  std::string socket_;
  FloorLink link_;
};

class FloorCardMover final : public CardMover {
 public:
  explicit FloorCardMover(const std::string& socket) { link_.open(socket); }
  void move(bool present) override {
    link_.exchange(FloorOp::move_card, sizeof(FloorRequest), sizeof(wire::Completion),
                   present ? 1 : 0);
  }

 private:
  FloorLink link_;
};

}  // namespace

std::unique_ptr<Session> make_floor_session(const std::string& socket) {
  return std::make_unique<FloorSession>(socket);
}

std::unique_ptr<CardMover> make_floor_card_mover(const std::string& socket) {
  return std::make_unique<FloorCardMover>(socket);
}

}  // namespace cardea::bench
