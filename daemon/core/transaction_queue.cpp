#include "daemon/core/transaction_queue.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace cardea::core {
namespace {

/// A handle has one place; requests without a handle are told apart by their connection.
bool same(const Ticket& a, const Ticket& b) {
  return a.card == b.card && (a.card != 0 || a.conn == b.conn);
}

}  // namespace

void TransactionQueue::take(CardHandle card, TimePoint now) {
  CARDEA_ASSERT(card != 0 && !blocks(card));
  if (owner_ == 0) {
    held_since_ = now;
    ++hold_number_;
  }
  used_at_ = now;
  owner_ = card;
  ++depth_;
}

void TransactionQueue::release(CardHandle card, std::uint32_t levels) {
  if (card == 0 || owner_ != card) return;
  depth_ -= std::min(depth_, levels);
  if (depth_ == 0) owner_ = 0;
}

void TransactionQueue::release_all(CardHandle card) { release(card, depth_); }

void TransactionQueue::drop_owner() {
  owner_ = 0;
  depth_ = 0;
}

bool TransactionQueue::may_take(CardHandle card, TimePoint now) const {
  if (blocks(card)) return false;
  if (owner_ == card) return true;
  for (const Ticket& ticket : line_) {
    if (ticket.card == card) return true;
    if (!ticket.away) return false;
    // Without a reservation yet: next() will give it one.
    const bool is_over = ticket.reserved && *ticket.reserved <= now;
    if (ticket.wants_lock && !ticket.passed && !is_over) return false;
  }
  return true;
}

void TransactionQueue::enqueue(const Ticket& ticket) {
  const auto place = std::find_if(line_.begin(), line_.end(),
                                  [&ticket](const Ticket& other) { return same(ticket, other); });
  if (place != line_.end()) {
    const TimePoint since = place->since;
    *place = ticket;
    place->since = since;  // a request that is repeated has waited all the time
  } else {
    line_.push_back(ticket);
  }
}

void TransactionQueue::set_away(ConnId conn, TimePoint now) {
  std::erase_if(line_, [conn](const Ticket& ticket) {
    return ticket.conn == conn && !ticket.away && !ticket.wants_lock;
  });
  for (Ticket& ticket : line_) {
    if (ticket.conn == conn && !ticket.away) {
      ticket.away = true;
      ticket.until = now + timing_.retry_window;
      ticket.reserved.reset();
      ticket.passed = false;
    }
  }
}

void TransactionQueue::leave(const Ticket& ticket) {
  std::erase_if(line_, [&ticket](const Ticket& other) { return same(ticket, other); });
}

void TransactionQueue::forget(ConnId conn) {
  std::erase_if(line_, [conn](const Ticket& ticket) { return ticket.conn == conn; });
}

void TransactionQueue::forget_card(CardHandle card) {
  std::erase_if(line_, [card](const Ticket& ticket) { return ticket.card == card; });
}

std::optional<Ticket> TransactionQueue::next(TimePoint now) {
  if (!is_free()) return std::nullopt;
  for (auto it = line_.begin(); it != line_.end(); ++it) {
    if (!it->away) {
      return *it;
    }
    if (!it->wants_lock || it->passed) continue;
    if (!it->reserved) it->reserved = now + timing_.reservation;
    if (*it->reserved > now) return std::nullopt;
    it->passed = true;
  }
  return std::nullopt;
}

std::optional<Ticket> TransactionQueue::overdue(TimePoint now) const {
  for (const Ticket& ticket : line_) {
    if (!ticket.away && ticket.until && *ticket.until <= now) return ticket;
  }
  return std::nullopt;
}

void TransactionQueue::expire(TimePoint now) {
  for (Ticket& ticket : line_) {
    if (ticket.reserved && *ticket.reserved <= now) ticket.passed = true;
  }
  std::erase_if(line_, [now](const Ticket& ticket) {
    return ticket.away && ticket.until && *ticket.until <= now;
  });
}

bool TransactionQueue::is_stalled() const {
  if (!is_free()) return false;
  for (const Ticket& ticket : line_) {
    if (!ticket.away) return true;
    if (ticket.wants_lock && !ticket.passed) return !ticket.reserved;
  }
  return false;
}

bool TransactionQueue::has_waiting(ConnId conn) const {
  return std::any_of(line_.begin(), line_.end(),
                     [conn](const Ticket& ticket) { return ticket.conn == conn && !ticket.away; });
}

std::optional<TimePoint> TransactionQueue::deadline() const {
  std::optional<TimePoint> first;
  const auto consider = [&first](const std::optional<TimePoint>& time) {
    if (time && (!first || *time < *first)) first = time;
  };
  for (const Ticket& ticket : line_) {
    consider(ticket.until);
    if (!ticket.passed) consider(ticket.reserved);
  }
  return first;
}

}  // namespace cardea::core
