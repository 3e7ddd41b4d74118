// One client: its socket, what it has sent that is not handled yet, and what it has not read yet.
// Who may work on it is decided by the claim: the thread that gets it reads, dispatches and arms;
// all others may only add output. Idle, it costs its descriptor and a few hundred bytes.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "base/unique_fd.hpp"
#include "base/unix_socket.hpp"
#include "daemon/core/charge.hpp"
#include "daemon/core/ids.hpp"
#include "daemon/io/poller.hpp"
#include "protocol/dialect.hpp"

namespace cardea {

class Connection {
 public:
  /// `poller` is borrowed. `account`: who is charged for what has to be kept. The connection
  /// becomes alive with open().
  Connection(Poller& poller, UniqueFd fd, core::ConnId conn, PeerCredentials credentials,
             std::shared_ptr<core::UserAccount> account)
      : id(conn),
        peer(credentials),
        poller_(poller),
        fd_(std::move(fd)),
        account_(std::move(account)) {}
  ~Connection() { poller_.remove(fd_.get()); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const core::ConnId id;
  const PeerCredentials peer;
  const TimePoint since = Clock::now();

  /// The socket, to ask the kernel about the peer; open as long as the connection exists.
  [[nodiscard]] int descriptor() const { return fd_.get(); }

  /// True if the peer has closed its end or was cut off; whatever it asked, nobody hears the
  /// answer. Any thread; asks the kernel and does not wait.
  [[nodiscard]] bool has_hung_up() const;

  /// Puts the socket into the poller, armed for input. From here on events may come.
  Result<void> open() EXCLUDES(mutex_);

  // --- the claim ---
  /// True if the caller may now work on the connection.
  bool claim() EXCLUDES(mutex_);
  /// Gives the claim back and waits for input, or, while a call is in flight, for a hang-up only.
  /// False (the claim is kept) if `saw_call` and the call has been answered meanwhile.
  bool release(bool saw_call) EXCLUDES(mutex_);
  /// Gives the claim back without waiting for anything: the caller runs this client's driver
  /// call next and will come back.
  void release_unarmed() EXCLUDES(mutex_);

  // --- for the claim's holder only ---
  enum class Read { data, nothing, closed };
  /// Reads once; `input` is in `room`, with the bytes kept earlier before the new ones. `room`
  /// holds more than is ever kept: wire::kRequestBytesMax.
  Read read_some(std::span<std::byte> room, std::span<const std::byte>& input);
  /// Keeps what could not be handled yet. False if that is more memory than the user may
  /// have: the connection is cut instead.
  bool keep(std::span<const std::byte> rest) EXCLUDES(mutex_);
  [[nodiscard]] bool has_kept() const { return !kept_.empty(); }
  [[nodiscard]] std::span<const std::byte> kept() const { return kept_; }

  const wire::Dialect* dialect = &wire::default_dialect();
  bool version_refused = false;
  /// What the last refused CMD_VERSION proposed; one record per proposal.
  std::string refused_version;

  /// What is to be reported when it is answered; only while the log has details. Under the lock of
  /// the core, as answers come from any thread.
  struct Request {
    wire::Command command;
    TimePoint since;
  };
  std::optional<Request> request;

  // --- any thread ---
  void set_in_call(bool in_call) EXCLUDES(mutex_);
  [[nodiscard]] bool in_call() const EXCLUDES(mutex_);
  /// Adds output; it leaves with the next flush().
  void queue(std::span<const std::byte> bytes) EXCLUDES(mutex_);
  /// Sends both parts in one write; what the socket does not take is queued.
  void send(std::span<const std::byte> bytes, std::span<const std::byte> payload) EXCLUDES(mutex_);
  void flush() EXCLUDES(mutex_);
  /// Cuts the connection; the hang-up event ends it. Nothing more is read or sent.
  void hang_up() EXCLUDES(mutex_);
  [[nodiscard]] bool is_cut() const EXCLUDES(mutex_);
  /// True once an answer could not be sent: the peer does not know what it says.
  [[nodiscard]] bool lost_output() const EXCLUDES(mutex_);
  /// True if it was cut because its user had no memory left.
  [[nodiscard]] bool exceeded_memory() const EXCLUDES(mutex_);
  [[nodiscard]] core::UserAccount& account() const { return *account_; }
  [[nodiscard]] std::size_t queued_bytes() const EXCLUDES(mutex_);
  /// True while the peer does not read: no further requests are taken from it.
  [[nodiscard]] bool output_blocked() const EXCLUDES(mutex_);

 private:
  void send_locked(std::span<const std::byte> bytes, std::span<const std::byte> payload)
      REQUIRES(mutex_);
  void flush_locked() REQUIRES(mutex_);
  void arm_locked() REQUIRES(mutex_);
  void cut_locked() REQUIRES(mutex_);
  void exceed_memory_locked() REQUIRES(mutex_);

  Poller& poller_;
  const UniqueFd fd_;
  const std::shared_ptr<core::UserAccount> account_;
  std::vector<std::byte> kept_;  // bounded by wire::kRequestBytesMax
  core::Charge kept_charge_{*account_, core::Resource::bytes};

  mutable Mutex mutex_;
  bool claimed_ GUARDED_BY(mutex_) = false;
  bool armed_ GUARDED_BY(mutex_) = false;
  std::atomic<bool> armed_for_output_{false};
  bool in_call_ GUARDED_BY(mutex_) = false;
  bool cut_ GUARDED_BY(mutex_) = false;
  bool lost_output_ GUARDED_BY(mutex_) = false;
  bool exceeded_memory_ GUARDED_BY(mutex_) = false;
  // Bounded without a check: what serve() gathers and one answer of at most 64 KiB more, as no
  // request is handled while output waits, and the one completion a WAIT can have.
  std::vector<std::byte> out_ GUARDED_BY(mutex_);
  /// For output that the peer did not take; what only gathers leaves within the same round.
  core::Charge out_charge_ GUARDED_BY(mutex_){*account_, core::Resource::bytes};
};

}  // namespace cardea
