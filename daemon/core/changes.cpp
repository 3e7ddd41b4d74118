// The difference between two snapshots of the readers.
#include <algorithm>

#include "base/log.hpp"
#include "daemon/core/snapshot.hpp"

namespace cardea::core {
namespace {

using Kind = Change::Kind;

const ReaderSnapshot* find(const std::vector<ReaderSnapshot>& readers, ReaderId id) {
  const auto it = std::find_if(readers.begin(), readers.end(),
                               [id](const ReaderSnapshot& reader) { return reader.id == id; });
  return it == readers.end() ? nullptr : &*it;
}

class Comparison {
 public:
  Comparison(const ReaderSnapshot& before, const ReaderSnapshot& after, std::vector<Change>& out)
      : before_(before), after_(after), out_(out) {}

  void run() {
    compare_cards();
    compare_waiters(before_, after_, Kind::wait_began);
    compare_handles(after_, before_, Kind::handle_opened);
    compare_locks();
    compare_waiters(after_, before_, Kind::wait_ended);
    compare_handles(before_, after_, Kind::handle_closed);
  }

 private:
  Change& add(Kind kind, ConnId conn = {}) {
    Change change;
    change.kind = kind;
    change.reader = after_.name;
    change.conn = conn;
    return out_.emplace_back(std::move(change));
  }

  void compare_cards() {
    const CardPhase was = before_.card.phase;
    const CardPhase is = after_.card.phase;
    const bool counted = before_.events != after_.events;
    if (is == CardPhase::unknown && was != CardPhase::unknown && !before_.starting) {
      add(Kind::reader_fault);
    } else if (!is_present(was) && is_present(is) && (counted || before_.starting)) {
      add(Kind::card_inserted).atr = log::hex(after_.card.atr.view(), wire::kAtrBytesMax);
    } else if (is_present(was) && !is_present(is)) {
      add(Kind::card_removed);
    }
  }

  void compare_locks() {
    const bool had = before_.holder.has_value();
    const bool has = after_.holder.has_value();
    if (had && has && before_.holder->card != after_.holder->card) {
      Change& change = add(Kind::lock_handed, after_.holder->conn);
      change.previous = before_.holder->conn;
      change.exclusive = !after_.holder->transaction;
    } else if (had && !has) {
      add(Kind::lock_released, before_.holder->conn).exclusive = !before_.holder->transaction;
    } else if (!had && has) {
      add(Kind::lock_taken, after_.holder->conn).exclusive = !after_.holder->transaction;
    } else if (had && before_.holder->transaction != after_.holder->transaction) {
      const bool took = after_.holder->transaction;
      add(took ? Kind::lock_taken : Kind::lock_released, after_.holder->conn);
    }
  }

  /// Reports those of `to` that `from` does not have.
  void compare_waiters(const ReaderSnapshot& from, const ReaderSnapshot& to, Kind kind) {
    for (const WaiterSnapshot& waiter : to.waiters) {
      const bool known = std::any_of(from.waiters.begin(), from.waiters.end(),
                                     [&](const auto& other) { return other.conn == waiter.conn; });
      if (!known) add(kind, waiter.conn);
    }
  }

  void compare_handles(const ReaderSnapshot& to, const ReaderSnapshot& from, Kind kind) {
    for (const HandleSnapshot& handle : to.handles) {
      const bool known = std::any_of(from.handles.begin(), from.handles.end(),
                                     [&](const auto& other) { return other.card == handle.card; });
      if (!known) add(kind, handle.conn).exclusive = handle.mode == wire::ShareMode::exclusive;
    }
  }

  const ReaderSnapshot& before_;
  const ReaderSnapshot& after_;
  std::vector<Change>& out_;
};

}  // namespace

std::vector<Change> changes(const std::vector<ReaderSnapshot>& before,
                            const std::vector<ReaderSnapshot>& after) {
  std::vector<Change> found;
  for (const ReaderSnapshot& reader : before) {
    if (find(after, reader.id) != nullptr) continue;
    ReaderSnapshot emptied;
    emptied.name = reader.name;
    emptied.card = reader.card;  // the card did not leave the reader, both left
    Comparison(reader, emptied, found).run();
    Change& gone = found.emplace_back();
    gone.kind = Kind::reader_removed;
    gone.reader = reader.name;
  }
  for (const ReaderSnapshot& reader : after) {
    const ReaderSnapshot* known = find(before, reader.id);
    ReaderSnapshot fresh;
    if (known == nullptr) {
      fresh.starting = true;
      Change& added = found.emplace_back();
      added.kind = Kind::reader_added;
      added.reader = reader.name;
    }
    Comparison(known == nullptr ? fresh : *known, reader, found).run();
  }
  return found;
}

}  // namespace cardea::core
