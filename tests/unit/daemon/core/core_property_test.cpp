// Properties of the lock and of the answers, over random sequences that rapidcheck makes up and,
// when one fails, makes short. What the core can check itself it checks after each step: one
// owner, and nobody waits for a lock that is free.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <deque>

#include "tests/unit/daemon/core/core_bench.hpp"

namespace cardea::core {
namespace {

using wire::Disposition;

/// Few clients and one reader: short sequences reach much.
constexpr std::size_t kClients = 4;

enum class Move {
  begin,
  begin_again,  // twice as likely
  end,
  end_with_reset,
  transmit,
  reconnect,
  reconnect_exclusive,
  die,
  hold_jobs,
  release_jobs,
  run_job,
  pass_50_ms,
  pass_1000_ms,
};
constexpr int kMoves = 13;
constexpr int kMovesWithoutTime = 11;

class Game {
 public:
  Game() {
    for (std::size_t i = 0; i < kClients; ++i) join(i);
  }

  void play(int move, std::size_t who) {
    switch (static_cast<Move>(move)) {
      case Move::die:
        leave(who);
        join(who);
        break;
      case Move::hold_jobs:
        bench_.hold_jobs();
        break;
      case Move::release_jobs:
        bench_.release_jobs();
        break;
      case Move::run_job:
        (void)bench_.run_job();  // if there is one
        break;
      case Move::pass_50_ms:
        bench_.advance(milliseconds{50});
        break;
      case Move::pass_1000_ms:
        bench_.advance(milliseconds{1000});
        break;
      default:
        ask(static_cast<Move>(move), who);
    }
    observe();
  }

  /// Everybody goes: nothing may be left.
  void end() {
    for (std::size_t i = 0; i < kClients; ++i) leave(i);
    bench_.release_jobs();
    bench_.advance(std::chrono::seconds{10});
    const Core::Counts expected{.clients = 0, .readers = 1};
    RC_ASSERT(bench_.core().counts() == expected);
    RC_ASSERT(bench_.core().lock_owner("R") == 0u);
  }

  /// Gives every request in flight its time: all are answered, each once.
  void settle() {
    bench_.release_jobs();
    for (;;) {
      bench_.advance(std::chrono::seconds{10});
      observe();
      const CardHandle owner = bench_.core().lock_owner("R");
      if (owner == 0) break;
      // Who waits in CONNECT waits for an owner to end; all owners go, also those that follow one.
      const auto holder = std::find(cards_.begin(), cards_.end(), owner);
      RC_ASSERT(holder != cards_.end());
      leave_and_join(static_cast<std::size_t>(holder - cards_.begin()));
    }
    for (const TestClient* client : clients_) RC_ASSERT(client->answers == client->requests);
  }

  bool checks_order = false;

 private:
  void join(std::size_t who) {
    clients_[who] = &bench_.add_client();
    cards_[who] = 0;
    (void)clients_[who]->connect("R");
  }

  void leave(std::size_t who) {
    std::erase(line_, who);
    clients_[who]->die();
  }

  void leave_and_join(std::size_t who) {
    leave(who);
    join(who);
  }

  void ask(Move move, std::size_t who) {
    TestClient& client = *clients_[who];
    if (client.is_waiting_for_answer()) return;
    const CardHandle card = cards_[who];
    if (card == 0) {
      (void)client.connect("R");
      return;
    }
    switch (move) {
      case Move::begin:
      case Move::begin_again:
        if (client.begin(card) == kParked) line_.push_back(who);
        break;
      case Move::end:
        (void)client.end(card);
        break;
      case Move::end_with_reset:
        (void)client.end(card, Disposition::reset);
        break;
      case Move::transmit:
        (void)client.transmit(card);
        break;
      case Move::reconnect_exclusive:
        (void)client.reconnect(card, wire::ShareMode::exclusive);
        break;
      default:
        (void)client.reconnect(card);
    }
  }

  void observe() {
    std::vector<std::size_t> granted;
    for (std::size_t who = 0; who < kClients; ++who) {
      const TestClient& client = *clients_[who];
      RC_ASSERT(!client.drop_reason);
      if (client.is_waiting_for_answer()) continue;
      if (cards_[who] == 0 && client.answer() == ScardRv::success) cards_[who] = client.card();
      if (std::find(line_.begin(), line_.end(), who) == line_.end()) continue;
      if (client.answer() == ScardRv::success) {
        granted.push_back(who);
      } else {
        std::erase(line_, who);
      }
    }
    RC_ASSERT(granted.size() <= 1u);
    if (granted.empty()) return;
    if (checks_order) RC_ASSERT(granted.front() == line_.front());
    std::erase(line_, granted.front());
  }

  CoreBench bench_;
  TestReader& reader_ = bench_.add_reader("R");
  std::array<TestClient*, kClients> clients_{};
  std::array<CardHandle, kClients> cards_{};
  std::deque<std::size_t> line_;  ///< whose BEGIN is parked, in the order they parked
};

using Moves = std::vector<std::pair<int, std::size_t>>;

Moves any_moves(int kinds) {
  const auto move =
      rc::gen::pair(rc::gen::inRange(0, kinds), rc::gen::inRange<std::size_t>(0, kClients));
  return *rc::gen::scale(3.0, rc::gen::container<Moves>(move));
}

RC_GTEST_PROP(CoreProperty, GrantsParkedBeginsInArrivalOrder, ()) {
  Game game;
  game.checks_order = true;
  for (const auto& [move, who] : any_moves(kMovesWithoutTime)) game.play(move, who);
  game.end();
}

RC_GTEST_PROP(CoreProperty, LeavesNothingBehind, ()) {
  Game game;
  for (const auto& [move, who] : any_moves(kMoves)) game.play(move, who);
  game.end();
}

RC_GTEST_PROP(CoreProperty, AnswersEveryRequestOnce, ()) {
  Game game;
  for (const auto& [move, who] : any_moves(kMoves)) game.play(move, who);
  game.settle();
}

/// Waits, stops, cancels and changes in any order, in any dialect.
RC_GTEST_PROP(CoreProperty, CompletesEveryWaitOnce, ()) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  const auto minor = *rc::gen::inRange(3, 7);
  TestClient& waiter = bench.add_client(*wire::find_dialect(wire::kMajor, minor));
  TestClient& other = bench.add_client();
  std::size_t waits = 0;
  for (const int move : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 7))) {
    const bool open = waits > waiter.completions.size();
    switch (move) {
      case 0:
        if (open) break;
        ++waits;
        waiter.wait();
        break;
      case 1:
        waiter.stop();
        break;
      case 2:
        (void)other.cancel(waiter.context);
        break;
      case 3:
        bench.remove_card(reader);
        break;
      case 4:
        bench.insert(reader);
        break;
      case 5:
        waiter.fetch_states();
        break;
      default:
        waiter.fetch_array();
    }
    RC_ASSERT(waiter.completions.size() <= waits);
  }
  waiter.stop();
  RC_ASSERT(waiter.completions.size() == waits);
  RC_ASSERT(bench.core().counts().waiting == 0u);
}

}  // namespace
}  // namespace cardea::core
