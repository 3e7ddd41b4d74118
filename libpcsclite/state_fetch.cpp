#include "libpcsclite/state_fetch.hpp"

#include <algorithm>
#include <array>

namespace cardea {
namespace {

/// Requests that leave together. At most WAIT, SIZE, ARRAY, READER_EVENTS and STATUS.
class Batch {
 public:
  template <typename... Body>
  void add(wire::Command command, const Body&... body) {
    append(wire::Header{static_cast<std::uint32_t>((0 + ... + sizeof(Body))),
                        static_cast<std::uint32_t>(command)});
    (append(body), ...);
  }

  [[nodiscard]] ScardRv send(ServerLink& link) const {
    iovec part = ServerLink::part_of(std::span(bytes_).first(size_));
    return link.send(std::span(&part, 1));
  }

 private:
  template <typename Part>
  void append(const Part& part) {
    const auto bytes = wire::as_bytes(part);
    CARDEA_ASSERT(size_ + bytes.size() <= bytes_.size());
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += bytes.size();
  }

  std::array<std::byte, 64> bytes_{};
  std::size_t size_ = 0;
};

class StateFetch {
 public:
  StateFetch(ServerLink& link, const FetchRequest& request, FetchAnswer& answer)
      : link_(link), request_(request), answer_(answer), dialect_(link.dialect()) {}

  ScardRv run() {
    if (const ScardRv rv = link_.settle(request_.deadline); rv != ScardRv::success) return rv;
    if (const ScardRv rv = send_requests(); rv != ScardRv::success) return rv;
    answer_.registered = request_.registers;
    ScardRv rv = read_array();
    if (rv == ScardRv::success && wants_events()) rv = read_events();
    if (rv == ScardRv::success && request_.card) rv = read_status();
    if (rv == ScardRv::timeout) rv = withdraw();
    return rv;
  }

 private:
  [[nodiscard]] bool wants_events() const {
    return request_.reader_events && dialect_.has_reader_events;
  }

  ScardRv send_requests() {
    Batch batch;
    if (request_.registers && !dialect_.states_precede_wait) add_wait(batch);
    if (dialect_.has_sized_array) {
      batch.add(wire::Command::get_readers_state_size);
      batch.add(wire::Command::get_readers_state_array);
    } else if (!request_.registers || !dialect_.wait_sends_states) {
      batch.add(wire::Command::get_readers_state);
    }
    if (request_.registers && dialect_.states_precede_wait) add_wait(batch);
    if (wants_events()) batch.add(wire::Command::get_reader_events);
    if (request_.card) batch.add(wire::Command::status, wire::Status{*request_.card, 0});
    owes_size_ = dialect_.has_sized_array;
    owed_bytes_ = (owes_size_ ? 0 : wire::kFixedSlots * sizeof(wire::ReaderState)) +
                  (wants_events() ? sizeof(wire::ReaderEvents) : 0);
    return batch.send(link_);
  }

  void add_wait(Batch& batch) const {
    if (dialect_.wait_body_bytes == 0) {
      batch.add(wire::Command::wait_reader_state_change);
    } else {
      batch.add(wire::Command::wait_reader_state_change, wire::WaitBody{request_.wait_ms, 0});
    }
  }

  ScardRv read_array() {
    std::size_t count = wire::kFixedSlots;
    if (owes_size_) {
      if (const ScardRv rv = read_size(count); rv != ScardRv::success) return rv;
    }
    const std::size_t bytes = count * sizeof(wire::ReaderState);
    if (const ScardRv rv = link_.need(bytes, request_.deadline); rv != ScardRv::success) return rv;
    if (may_hold_completion() && has_stray_completion(link_.buffered())) {
      if (const ScardRv rv = drop_stray_completion(bytes); rv != ScardRv::success) return rv;
    }
    if (!answer_.readers.assign(link_.buffered().first(bytes))) return link_.give_up();
    link_.consume(bytes);
    owed_bytes_ -= bytes;
    return ScardRv::success;
  }

  [[nodiscard]] bool may_hold_completion() const {
    return dialect_.has_sized_array && answer_.registered;
  }

  /// COMPAT: pcsc-lite 2.5 may send the completion before or between the answers to SIZE and
  /// ARRAY. A size of 0 is none of its sizes, so it is the start of a completion {0, 0}.
  ScardRv read_size(std::size_t& count) {
    wire::StateSize size{};
    for (;;) {
      const ScardRv rv = link_.need(sizeof size, request_.deadline);
      if (rv != ScardRv::success) return rv;
      size = wire::decode<wire::StateSize>(link_.buffered());
      if (size.count != 0 || !answer_.registered) break;
      if (const ScardRv late = link_.need(sizeof(wire::Completion), request_.deadline);
          late != ScardRv::success) {
        return late;
      }
      link_.consume(sizeof(wire::Completion));
      answer_.registered = false;
    }
    if (size.count < 0 || size.count > kReaderSlotsMax) return link_.give_up();
    link_.consume(sizeof size);
    count = static_cast<std::size_t>(size.count);
    owes_size_ = false;
    owed_bytes_ += count * sizeof(wire::ReaderState);
    return ScardRv::success;
  }

  /// Eight zero bytes and then text: a completion {0, 0} in front of the first slot's name. An
  /// empty slot has no text there, a name no eight zeros.
  static bool has_stray_completion(std::span<const std::byte> array) {
    constexpr std::size_t kBytes = sizeof(wire::Completion);
    if (array.size() <= kBytes || array[kBytes] == std::byte{0}) return false;
    return std::all_of(array.begin(), array.begin() + kBytes,
                       [](std::byte byte) { return byte == std::byte{0}; });
  }

  ScardRv drop_stray_completion(std::size_t array_bytes) {
    link_.consume(sizeof(wire::Completion));
    answer_.registered = false;
    return link_.need(array_bytes, request_.deadline);
  }

  /// COMPAT: a completion {0, 0} of pcsc-lite may overtake this answer; event numbers start at 1.
  ScardRv read_events() {
    for (;;) {
      const ScardRv rv = link_.need(sizeof(wire::ReaderEvents), request_.deadline);
      if (rv != ScardRv::success) return rv;
      const auto events = wire::decode<wire::ReaderEvents>(link_.buffered());
      link_.consume(sizeof events);
      if (events.reader_events == 0 && answer_.registered) {
        answer_.registered = false;
        continue;
      }
      owed_bytes_ -= sizeof events;
      answer_.reader_events = events.reader_events;
      return ScardRv::success;
    }
  }

  ScardRv read_status() {
    const ScardRv rv = link_.need(sizeof(wire::Status), std::nullopt);
    if (rv != ScardRv::success) return rv;
    const auto status = wire::decode<wire::Status>(link_.buffered());
    link_.consume(sizeof status);
    answer_.card_status = static_cast<ScardRv>(status.rv);
    return ScardRv::success;
  }

  /// The time is over: the answers stay owed, and the registration's completion with them.
  ScardRv withdraw() {
    if (answer_.registered) {
      if (const ScardRv rv = send_stop_now(); rv != ScardRv::success) return rv;
      owed_bytes_ += sizeof(wire::Completion);
      answer_.registered = false;
    }
    link_.owe(owes_size_, owed_bytes_);
    return ScardRv::timeout;
  }

  ScardRv send_stop_now() {
    // The link takes bytes it has for left-overs unless it knows that they are owed.
    link_.owe(owes_size_, owed_bytes_);
    return send_stop(link_);
  }

  ServerLink& link_;
  const FetchRequest& request_;
  FetchAnswer& answer_;
  const wire::Dialect& dialect_;
  bool owes_size_ = false;      // the answer to SIZE is still to be read
  std::size_t owed_bytes_ = 0;  // and of the other answers this many bytes
};

}  // namespace

ScardRv fetch_states(ServerLink& link, const FetchRequest& request, FetchAnswer& answer) {
  return StateFetch(link, request, answer).run();
}

ScardRv send_stop(ServerLink& link) {
  Batch batch;
  if (link.dialect().wait_body_bytes == 0) {
    batch.add(wire::Command::stop_waiting_reader_state_change);
  } else {
    batch.add(wire::Command::stop_waiting_reader_state_change, wire::WaitBody{});
  }
  return batch.send(link);
}

}  // namespace cardea
