#include "daemon/core/transaction_queue.hpp"

#include <gtest/gtest.h>

namespace cardea::core {
namespace {

constexpr CardHandle kA = 1;
constexpr CardHandle kB = 2;
constexpr CardHandle kC = 3;

class TransactionQueueTest : public testing::Test {
 protected:
  static ConnId conn(CardHandle card) { return ConnId{card + 100}; }
  void wait_for_lock(CardHandle card, milliseconds limit = milliseconds{1000}) {
    queue.enqueue({conn(card), card, /*wants_lock=*/true, false, now + limit, {}, false, now});
  }
  void give_up(CardHandle card) { queue.set_away(conn(card), now); }
  [[nodiscard]] CardHandle next() {
    const auto ticket = queue.next(now);
    return ticket ? ticket->card : 0;
  }
  void pass(milliseconds time) {
    now += time;
    queue.expire(now);
  }

  TransactionQueue queue;
  TimePoint now{std::chrono::seconds{5}};
};

TEST_F(TransactionQueueTest, CountsNestedHoldsOfItsOwner) {
  EXPECT_TRUE(queue.is_free());
  queue.take(kA, now);
  queue.take(kA, now);
  EXPECT_EQ(queue.owner(), kA);
  EXPECT_EQ(queue.depth(), 2u);
  EXPECT_TRUE(queue.blocks(kB));
  EXPECT_TRUE(queue.blocks(0));
  EXPECT_FALSE(queue.blocks(kA));
  queue.release(kB, 1);
  EXPECT_EQ(queue.depth(), 2u) << "only the owner gives it back";
  queue.release(kA, 1);
  EXPECT_FALSE(queue.is_free());
  queue.release(kA, 5);
  EXPECT_TRUE(queue.is_free()) << "more levels than there are do no harm";
}

TEST_F(TransactionQueueTest, LetsNobodyPassADaemonsOwnHold) {
  queue.take(kA, now);
  queue.set_internal(true);
  EXPECT_TRUE(queue.blocks(kA));
  queue.release_all(kA);
  EXPECT_FALSE(queue.is_free());
  queue.set_internal(false);
  EXPECT_TRUE(queue.is_free());
}

TEST_F(TransactionQueueTest, GrantsWaitersInArrivalOrder) {
  queue.take(kA, now);
  wait_for_lock(kC);
  wait_for_lock(kB);
  EXPECT_EQ(next(), 0u) << "nobody while it is held";
  queue.release_all(kA);
  EXPECT_FALSE(queue.may_take(kB, now));
  EXPECT_TRUE(queue.may_take(kC, now));
  EXPECT_EQ(next(), kC);
  EXPECT_EQ(next(), kC) << "it stays until it has left";
  queue.leave(*queue.next(now));
  EXPECT_EQ(next(), kB);
}

TEST_F(TransactionQueueTest, KeepsOnePlaceAHandle) {
  queue.take(kA, now);
  wait_for_lock(kB);
  wait_for_lock(kC);
  give_up(kB);
  wait_for_lock(kB);
  EXPECT_EQ(queue.size(), 2u);
  queue.release_all(kA);
  EXPECT_EQ(next(), kB) << "asking again does not lose the place";
}

TEST_F(TransactionQueueTest, TellsConnectsApartByTheirConnection) {
  queue.enqueue({ConnId{1}, 0, false, false, {}, {}, false, now});
  queue.enqueue({ConnId{2}, 0, false, false, {}, {}, false, now});
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue.next(now)->conn, ConnId{1});
  queue.forget(ConnId{1});
  EXPECT_EQ(queue.next(now)->conn, ConnId{2});
}

TEST_F(TransactionQueueTest, ReservesTheLockForAnAbsentHead) {
  queue.take(kA, now);
  wait_for_lock(kB);
  wait_for_lock(kC);
  give_up(kB);
  queue.release_all(kA);
  EXPECT_EQ(next(), 0u);
  EXPECT_FALSE(queue.may_take(kC, now)) << "reserved";
  EXPECT_TRUE(queue.may_take(kB, now));
  EXPECT_EQ(queue.deadline(), now + milliseconds{150});
}

TEST_F(TransactionQueueTest, PassesTheLockOnWhenTheReservationIsOver) {
  queue.take(kA, now);
  wait_for_lock(kB);
  wait_for_lock(kC);
  give_up(kB);
  queue.release_all(kA);
  EXPECT_EQ(next(), 0u);
  pass(milliseconds{149});
  EXPECT_EQ(next(), 0u);
  pass(milliseconds{1});
  EXPECT_EQ(next(), kC);
  EXPECT_TRUE(queue.may_take(kB, now)) << "it is still the head when it comes back";
}

TEST_F(TransactionQueueTest, LetsNobodyPassAnAbsentOneWhoHasHadNoReservationYet) {
  queue.take(kA, now);
  wait_for_lock(kB);
  wait_for_lock(kC);
  give_up(kB);
  queue.release_all(kA);
  EXPECT_FALSE(queue.may_take(kC, now)) << "next() has not been asked";
  EXPECT_TRUE(queue.may_take(kB, now));
}

TEST_F(TransactionQueueTest, ForgetsATicketThatDoesNotComeBack) {
  queue.take(kA, now);
  wait_for_lock(kB);
  give_up(kB);
  pass(milliseconds{299});
  EXPECT_EQ(queue.size(), 1u);
  pass(milliseconds{1});
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(queue.deadline(), std::nullopt);
}

TEST_F(TransactionQueueTest, ForgetsAtOnceWhoDoesNotWantTheLock) {
  queue.take(kA, now);
  queue.enqueue(
      {conn(kB), kB, /*wants_lock=*/false, false, now + milliseconds{100}, {}, false, now});
  give_up(kB);
  EXPECT_EQ(queue.size(), 0u);
}

TEST_F(TransactionQueueTest, TellsWhoseTimeIsOver) {
  queue.take(kA, now);
  wait_for_lock(kB, milliseconds{100});
  wait_for_lock(kC, milliseconds{50});
  EXPECT_EQ(queue.deadline(), now + milliseconds{50});
  EXPECT_EQ(queue.overdue(now), std::nullopt);
  now += milliseconds{50};
  ASSERT_TRUE(queue.overdue(now));
  EXPECT_EQ(queue.overdue(now)->card, kC);
  give_up(kC);
  EXPECT_EQ(queue.overdue(now), std::nullopt);
}

TEST_F(TransactionQueueTest, KnowsWhenItKeepsSomebodyWaitingForNothing) {
  queue.take(kA, now);
  wait_for_lock(kB);
  wait_for_lock(kC);
  EXPECT_FALSE(queue.is_stalled());
  give_up(kB);
  queue.release_all(kA);
  EXPECT_EQ(next(), 0u);
  EXPECT_FALSE(queue.is_stalled()) << "reserved for B";
  pass(milliseconds{150});
  EXPECT_TRUE(queue.is_stalled()) << "C could have it";
}

}  // namespace
}  // namespace cardea::core
