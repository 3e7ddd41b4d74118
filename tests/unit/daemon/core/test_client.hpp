// A client of a CoreBench: sends one request at a time, as a library does, and keeps what comes
// back. Test thread only; lives as long as its bench.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "base/scard_rv.hpp"
#include "daemon/core/core.hpp"
#include "protocol/codec.hpp"

namespace cardea {

/// Lets GoogleTest print return codes by name.
inline void PrintTo(ScardRv rv, std::ostream* out) { *out << to_string(rv); }

namespace core {

class CoreBench;

/// The return code of a request, or kParked while it is not answered.
using Outcome = std::optional<ScardRv>;
inline constexpr Outcome kParked{};

inline constexpr std::uint32_t kAnyProtocol = wire::kProtocolT0 | wire::kProtocolT1;

class TestClient {
 public:
  TestClient(CoreBench& bench, const ClientInfo& info, const wire::Dialect& dialect);

  // Each sends a request and returns the outcome as of now; see answer() for later.
  Outcome establish(std::uint32_t scope = 2);
  Outcome release();
  Outcome release(ContextHandle number);
  Outcome connect(std::string_view reader, wire::ShareMode mode = wire::ShareMode::shared,
                  std::uint32_t protocols = kAnyProtocol);
  Outcome connect(const wire::Connect& message);
  Outcome reconnect(CardHandle card, wire::ShareMode mode = wire::ShareMode::shared,
                    std::uint32_t protocols = kAnyProtocol,
                    wire::Disposition initialization = wire::Disposition::leave);
  Outcome disconnect(CardHandle card, wire::Disposition action = wire::Disposition::leave);
  Outcome begin(CardHandle card);
  Outcome end(CardHandle card, wire::Disposition action = wire::Disposition::leave);
  Outcome status(CardHandle card);
  Outcome transmit(CardHandle card, std::uint32_t protocol = wire::kProtocolT1,
                   std::uint32_t room = 258);
  Outcome control(CardHandle card, std::uint32_t send_bytes = 0, std::uint32_t room = 258);
  Outcome get_attribute(CardHandle card, std::uint32_t id,
                        std::uint32_t room = wire::kAttributeBytesMax);
  Outcome set_attribute(CardHandle card, std::uint32_t id);
  Outcome cancel(ContextHandle number);
  void wait();
  void stop();
  void fetch_states();
  void fetch_size();
  void fetch_array();
  void fetch_reader_events();
  /// Its process is gone, and the core will be told of it by die().
  void hang_up() { alive = false; }
  /// The connection is cut, whatever it was doing.
  /// `answer_lost`: the last answer did not reach it.
  void die(bool answer_lost = false);

  /// The outcome of the last request.
  [[nodiscard]] Outcome answer() const;
  [[nodiscard]] bool is_waiting_for_answer() const { return asked_ && !answer_; }
  /// The last answer as a message.
  template <typename Message>
  [[nodiscard]] Message reply() const {
    CARDEA_ASSERT(answer_ && answer_->size() == sizeof(Message));
    return wire::decode<Message>(*answer_);
  }
  /// The last answer as a state array.
  [[nodiscard]] std::vector<wire::ReaderState> states() const;
  /// The entry of this reader in the fixed array, fetched now.
  wire::ReaderState state_of(std::string_view reader);
  /// The card handle of the last successful CONNECT.
  [[nodiscard]] CardHandle card() const;

  /// Connects and returns the handle; ends the test program if that fails.
  CardHandle open(std::string_view reader, wire::ShareMode mode = wire::ShareMode::shared,
                  std::uint32_t protocols = kAnyProtocol);

  // What came, in order.
  std::vector<std::string> stream;  ///< "answer <bytes>", "completion <rv>"
  std::vector<wire::Completion> completions;
  std::vector<std::byte> payload;          ///< of the last answer
  std::optional<std::string> drop_reason;  ///< why the core wants this client disconnected
  TimePoint answered_at;                   ///< the last request
  std::size_t answers = 0;
  std::size_t requests = 0;  ///< that have an answer
  ContextHandle context = 0;
  ConnId id;
  bool alive = true;

 private:
  friend class CoreBench;
  template <typename Send>
  Outcome send(const Send& send);
  void deliver(const Reply& reply);

  CoreBench& bench_;
  const wire::Dialect& dialect_;
  bool asked_ = false;
  std::optional<std::vector<std::byte>> answer_;
};

}  // namespace core
}  // namespace cardea
