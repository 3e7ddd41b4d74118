// The lock of one reader and the line of those who wait for it: first come, first served. Pure
// state; the time is a parameter. Under the core's lock.
//
// An old client library does not stay in line: it is answered SHARING_VIOLATION after a while,
// sleeps 100 ms and asks again. Its ticket stays in place meanwhile ("away"); when it is its turn,
// the lock is kept for it for a short time, after which others may pass it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/clock.hpp"
#include "daemon/core/ids.hpp"

namespace cardea::core {

struct LockTiming {
  milliseconds retry_window{300};  ///< how long a ticket outlives an answer that says "ask again"
  milliseconds reservation{150};   ///< how long a free lock waits for an absent head of the line
};

struct Ticket {
  ConnId conn;
  CardHandle card = 0;      ///< 0 for CONNECT, which has no handle yet
  bool wants_lock = false;  ///< BEGIN; all others just want it to be free
  bool away = false;
  std::optional<TimePoint> until;     ///< waiting: answer by then; away: forget by then
  std::optional<TimePoint> reserved;  ///< away and at the head: the lock is kept until then
  bool passed = false;                ///< the reservation is over: others go first
  TimePoint since{};                  ///< when it took its place
};

class TransactionQueue {
 public:
  explicit TransactionQueue(LockTiming timing = {}) : timing_(timing) {}

  // The lock. `internal` is the daemon's own hold during a reset; nobody passes it.
  [[nodiscard]] CardHandle owner() const { return owner_; }
  [[nodiscard]] std::uint32_t depth() const { return depth_; }
  [[nodiscard]] bool internal() const { return internal_; }
  [[nodiscard]] bool is_free() const { return owner_ == 0 && !internal_; }
  /// True if `card` (0: somebody without handle) may not act on the card now.
  [[nodiscard]] bool blocks(CardHandle card) const {
    return internal_ || (owner_ != 0 && owner_ != card);
  }
  /// True if another handle owns the lock: blocks() without the daemon's own hold.
  [[nodiscard]] bool is_held_by_other(CardHandle card) const {
    return owner_ != 0 && owner_ != card;
  }
  void take(CardHandle card, TimePoint now);
  /// Gives back `levels` nested holds of `card`; no effect if it is not the owner.
  void release(CardHandle card, std::uint32_t levels);
  void release_all(CardHandle card);
  void drop_owner();
  void set_internal(bool internal) { internal_ = internal; }

  // How the owner uses it; only while there is one.
  /// The owner has just used the card.
  void use(TimePoint now) { used_at_ = now; }
  [[nodiscard]] TimePoint used_at() const { return used_at_; }
  [[nodiscard]] TimePoint held_since() const { return held_since_; }
  /// Tells one hold from the next of the same handle.
  [[nodiscard]] std::uint64_t hold_number() const { return hold_number_; }

  /// May a BEGIN of `card` have the lock at once? False if somebody is before it.
  [[nodiscard]] bool may_take(CardHandle card, TimePoint now) const;

  /// Puts a request into the line, at the place its handle (without one: its connection) has.
  void enqueue(const Ticket& ticket);
  /// The request was answered "ask again": a BEGIN keeps its place for the retry window.
  void set_away(ConnId conn, TimePoint now);
  /// Takes a served ticket out of the line.
  void leave(const Ticket& ticket);
  void forget(ConnId conn);
  void forget_card(CardHandle card);

  /// While the lock is free: the next waiting request; it stays in the line until leave().
  /// nullopt if nobody waits or the head is away and still has its reservation.
  std::optional<Ticket> next(TimePoint now);
  /// A waiting request whose time is over; it stays in the line.
  [[nodiscard]] std::optional<Ticket> overdue(TimePoint now) const;
  /// Ends reservations and drops tickets of clients that did not come back in time.
  void expire(TimePoint now);

  [[nodiscard]] std::optional<TimePoint> deadline() const;
  [[nodiscard]] std::size_t size() const { return line_.size(); }
  [[nodiscard]] const std::deque<Ticket>& line() const { return line_; }
  /// True if next() would find somebody: nobody may see that between two visits to the core.
  [[nodiscard]] bool is_stalled() const;
  /// True if a request of `conn` waits in the line (not: is away).
  [[nodiscard]] bool has_waiting(ConnId conn) const;

 private:
  LockTiming timing_;
  CardHandle owner_ = 0;
  std::uint32_t depth_ = 0;
  bool internal_ = false;
  TimePoint held_since_{};
  TimePoint used_at_{};
  std::uint64_t hold_number_ = 0;
  std::deque<Ticket> line_;  // bounded: one ticket a connection
};

}  // namespace cardea::core
