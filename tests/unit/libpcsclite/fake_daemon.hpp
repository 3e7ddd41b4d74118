// A daemon in the test process that speaks the wire protocol over a real Unix socket: one thread
// per connection, standard answers for every command, and hooks to misbehave. It has no readers
// but those it is given and no cards at all. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"
#include "protocol/commands.hpp"
#include "protocol/dialect.hpp"
#include "protocol/wire.hpp"

namespace cardea::test {

using Bytes = std::vector<std::byte>;

template <typename Message>
Bytes to_bytes(const Message& message) {
  const auto* const data = reinterpret_cast<const std::byte*>(&message);
  return Bytes(data, data + sizeof message);
}

Bytes operator+(Bytes left, const Bytes& right);

/// A slot with this name and state; PRESENT gets an ATR of three bytes.
wire::ReaderState slot(const std::string& name, std::uint32_t state, std::int32_t sharing = 0);

struct FakeRequest {
  wire::Command command;
  Bytes body;
  Bytes payload;
};

/// What a hook returns instead of the standard answer.
struct FakeAnswer {
  Bytes bytes;            ///< may be empty: no answer
  bool hangs_up = false;  ///< after the bytes
};

class FakeDaemon {
 public:
  struct Options {
    std::set<int> minors{3, 4, 5, 6};     ///< versions it agrees to
    int own_minor = 6;                    ///< what a refusal offers
    bool names_own_minor = false;         ///< also in agreement, as pcsc-lite 2.4 and later
    std::uint32_t refusal = 0x8010001E;   ///< SERVICE_STOPPED
    bool hangs_up_after_refusal = false;  ///< at the next command, as Cardea's daemon
    bool dribbles = false;                ///< answers leave byte by byte
    std::vector<wire::ReaderState> readers;
    std::uint32_t reader_events = 1;
    /// Called without locks on the connection's thread; nullopt: standard answer.
    std::function<std::optional<FakeAnswer>(const FakeRequest&)> hook;
  };

  FakeDaemon();
  explicit FakeDaemon(Options options);
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;
  ~FakeDaemon();

  [[nodiscard]] const std::string& path() const { return path_; }
  void set_readers(std::vector<wire::ReaderState> readers, std::uint32_t reader_events);
  void set_minors(std::set<int> minors, int own_minor);

  /// Blocks until `command` arrived `count` times; fails the test after a long while.
  void await(wire::Command command, int count);
  /// Blocks until registrations for a completion stood `count` times, the states being sent.
  void await_armed(int count);
  [[nodiscard]] int armings() const;
  [[nodiscard]] int seen(wire::Command command) const;
  [[nodiscard]] int connections() const;
  /// Every read of every connection, as the commands that were complete in it.
  [[nodiscard]] std::vector<std::vector<wire::Command>> reads() const;
  void forget_reads();

  /// Sends a completion to every registered connection, of which it awaits the first.
  void complete(std::uint32_t rv = 0);
  /// The same without awaiting any.
  void complete_if_armed(std::uint32_t rv = 0);
  /// Closes all connections, as a dying daemon.
  void hang_up();

 private:
  struct Connection {
    UniqueFd fd;
    std::thread thread;
    const wire::Dialect* dialect = nullptr;
    bool refused = false;
    bool registered = false;
    bool armed = false;  // registered, and the completion may go out
  };

  void accept_clients();
  void serve(Connection& connection);
  bool handle(Connection& connection, const FakeRequest& request);
  FakeAnswer standard_answer(Connection& connection, const FakeRequest& request);
  FakeAnswer answer_version(Connection& connection, const FakeRequest& request);
  FakeAnswer answer_connect(const FakeRequest& request);
  FakeAnswer answer_wait(Connection& connection, wire::Command command);
  Bytes states(std::size_t slots) const;
  bool send(const Connection& connection, const Bytes& bytes) const;

  Options options_;
  std::string directory_;
  std::string path_;
  UniqueFd listener_;
  UniqueFd stop_;
  std::thread acceptor_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::list<Connection> connections_;
  std::map<wire::Command, int> seen_;
  std::vector<std::vector<wire::Command>> reads_;
  int armings_ = 0;
  std::uint32_t next_number_ = 0x1000;
};

}  // namespace cardea::test
