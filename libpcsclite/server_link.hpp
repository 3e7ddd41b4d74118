// One connection to the daemon: whole messages in, whole messages out. A request leaves with one
// write; an answer is read with one read if the daemon sent it in one piece, and with as many as
// it takes otherwise. Nothing the peer announces is trusted: what cannot be an answer closes the
// connection, after which every request fails with no_service.
//
// Results are transport codes or, from exchange(), the code in the daemon's answer. Transport
// codes: success; no_service: the daemon is gone and has not read the request; comm_error: it has
// hung up and may have read it, or talks nonsense; security_violation: it refuses this client;
// timeout where a deadline is given. Not thread-safe: the owner serialises (ClientContext's lock).
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "base/scard_rv.hpp"
#include "base/unique_fd.hpp"
#include "protocol/codec.hpp"
#include "protocol/commands.hpp"
#include "protocol/dialect.hpp"
#include "protocol/wire.hpp"

namespace cardea {

/// When to give up waiting; nullopt: never.
using Deadline = std::optional<TimePoint>;

/// The most reader slots a daemon may announce. A larger number is taken for nonsense.
inline constexpr std::int32_t kReaderSlotsMax = 4096;

class ServerLink {
 public:
  explicit ServerLink(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(fd_); }
  void close() noexcept;

  /// What the daemon agreed to speak; the newest until set.
  [[nodiscard]] const wire::Dialect& dialect() const noexcept { return *dialect_; }
  void set_dialect(const wire::Dialect& dialect) noexcept { dialect_ = &dialect; }

  /// Sends a request and reads its answer into `message`.
  template <typename Message>
  [[nodiscard]] ScardRv exchange(wire::Command command, Message& message) {
    return exchange<Message>(command, message, {}, {}, nullptr);
  }

  /// As above for TRANSMIT and CONTROL: `payload` goes out behind the message, and on success
  /// the answer's payload, `message.*payload_bytes` long, is in `room`. The two may overlap.
  template <typename Message>
  [[nodiscard]] ScardRv exchange(wire::Command command, Message& message,
                                 std::span<const std::byte> payload, std::span<std::byte> room,
                                 std::uint32_t Message::*payload_bytes) {
    const wire::Header header{sizeof(Message), static_cast<std::uint32_t>(command)};
    std::array parts{part_of(wire::as_bytes(header)), part_of(wire::as_bytes(message)),
                     part_of(payload)};
    if (const ScardRv rv = send(parts); rv != ScardRv::success) return rv;
    std::size_t extra = 0;
    const auto bytes = std::as_writable_bytes(std::span<Message, 1>(&message, 1));
    if (const ScardRv rv = receive(bytes, room, extra); rv != ScardRv::success) return rv;
    const std::size_t expected =
        payload_bytes != nullptr && message.rv == 0 ? message.*payload_bytes : 0;
    if (const ScardRv rv = receive_rest(room, extra, expected); rv != ScardRv::success) return rv;
    return static_cast<ScardRv>(message.rv);
  }

  /// Sends all parts with one write. `parts` is used up. Fails with comm_error if bytes are left
  /// over that nobody asked for.
  [[nodiscard]] ScardRv send(std::span<iovec> parts);
  static iovec part_of(std::span<const std::byte> bytes) noexcept;

  /// Has at least `bytes` buffered on success. Reads ahead what is there already.
  [[nodiscard]] ScardRv need(std::size_t bytes, Deadline deadline);
  [[nodiscard]] std::span<const std::byte> buffered() const noexcept;
  void consume(std::size_t bytes) noexcept;

  /// Waits until something can be read (success), the deadline passes (timeout) or `wake_fd`
  /// becomes readable (cancelled). wake_fd may be -1.
  [[nodiscard]] ScardRv wait_readable(Deadline deadline, int wake_fd) const;

  /// Remembers an answer that did not come in time: whatever is read next comes after it. A
  /// sized array (4:6) may be owed before the fixed bytes.
  void owe(bool sized_array, std::size_t bytes) noexcept;
  /// Reads what is owed and throws it away; timeout if it is still not complete.
  [[nodiscard]] ScardRv settle(Deadline deadline);

  /// From now on every read ends with timeout at `deadline`, and with cancelled once `wake_fd` (-1:
  /// none) is readable. Ends the use of a link in the middle of an answer, so only for greetings.
  void limit_reads(Deadline deadline, int wake_fd) noexcept;

  /// The peer talks nonsense: closes and gives comm_error.
  ScardRv give_up() noexcept;

 private:
  [[nodiscard]] ScardRv receive(std::span<std::byte> message, std::span<std::byte> room,
                                std::size_t& extra);
  [[nodiscard]] ScardRv receive_rest(std::span<std::byte> room, std::size_t have,
                                     std::size_t expected);
  [[nodiscard]] ScardRv receive_some(std::span<iovec> parts, Deadline deadline,
                                     std::size_t& received);
  [[nodiscard]] ScardRv fill(std::size_t bytes, std::size_t capacity, Deadline deadline);

  UniqueFd fd_;
  const wire::Dialect* dialect_ = &wire::newest_dialect();
  bool answered_ = false;  // the daemon has said anything at all
  Deadline read_limit_;
  int wake_fd_ = -1;
  bool owes_sized_array_ = false;
  std::size_t owed_bytes_ = 0;  // behind the sized array, if that is owed too
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;  // buffer_[begin_, end_) is read but not consumed
  std::size_t end_ = 0;
};

}  // namespace cardea
