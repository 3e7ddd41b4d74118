// BEGIN, END and what others may do meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/unit/daemon/core/core_bench.hpp"

namespace cardea::core {
namespace {

using wire::Disposition;
using wire::ShareMode;

/// Three clients with a shared handle on reader "R".
class CoreTransaction : public testing::Test {
 protected:
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  TestClient& c = bench.add_client();
  CardHandle card_a = a.open("R");
  CardHandle card_b = b.open("R");
  CardHandle card_c = c.open("R");

  [[nodiscard]] CardHandle owner() const {
    return const_cast<CoreTransaction*>(this)->bench.core().lock_owner("R");
  }
  [[nodiscard]] std::size_t resets() const {
    const auto calls = reader.script->calls();
    return static_cast<std::size_t>(std::count(calls.begin(), calls.end(), "power reset"));
  }
};

TEST_F(CoreTransaction, BeginsNestAndEachNeedsItsEnd) {
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(a.end(card_a), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), kParked);
  EXPECT_EQ(a.end(card_a), ScardRv::success);
  EXPECT_EQ(b.answer(), ScardRv::success);
  EXPECT_EQ(owner(), card_b);
}

TEST_F(CoreTransaction, GrantsBeginsInArrivalOrder) {
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(c.begin(card_c), kParked);
  EXPECT_EQ(b.begin(card_b), kParked);
  EXPECT_EQ(a.end(card_a), ScardRv::success);
  EXPECT_EQ(owner(), card_c);
  EXPECT_EQ(b.answer(), kParked);
  EXPECT_EQ(a.begin(card_a), kParked) << "the old owner queues behind";
  EXPECT_EQ(c.end(card_c), ScardRv::success);
  EXPECT_EQ(owner(), card_b);
  EXPECT_EQ(b.end(card_b), ScardRv::success);
  EXPECT_EQ(a.answer(), ScardRv::success);
}

TEST_F(CoreTransaction, AParkedBeginIsAnsweredAfterASecondAndKeepsItsPlace) {
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), kParked);
  bench.advance(milliseconds{500});
  EXPECT_EQ(c.begin(card_c), kParked);
  bench.advance(milliseconds{499});
  EXPECT_EQ(b.answer(), kParked);
  bench.advance(milliseconds{1});
  EXPECT_EQ(b.answer(), ScardRv::sharing_violation);
  bench.advance(milliseconds{100});  // as the library sleeps
  EXPECT_EQ(b.begin(card_b), kParked);
  EXPECT_EQ(a.end(card_a), ScardRv::success);
  EXPECT_EQ(owner(), card_b);
  EXPECT_EQ(c.answer(), kParked);
}

TEST_F(CoreTransaction, TheLockIsReservedForAHeadThatIsAboutToAskAgain) {
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), kParked);
  bench.advance(milliseconds{1000});
  EXPECT_EQ(b.answer(), ScardRv::sharing_violation);
  EXPECT_EQ(c.begin(card_c), kParked);
  EXPECT_EQ(a.end(card_a), ScardRv::success);
  EXPECT_EQ(owner(), 0u);
  EXPECT_EQ(c.answer(), kParked);
  bench.advance(milliseconds{100});
  EXPECT_EQ(b.begin(card_b), ScardRv::success);
  EXPECT_EQ(c.answer(), kParked);
}

TEST_F(CoreTransaction, AReservationPassesOnAndTheLateHeadStaysTheHead) {
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), kParked);
  bench.advance(milliseconds{1000});
  EXPECT_EQ(c.begin(card_c), kParked);
  EXPECT_EQ(a.end(card_a), ScardRv::success);
  bench.advance(milliseconds{149});
  EXPECT_EQ(c.answer(), kParked);
  bench.advance(milliseconds{1});
  EXPECT_EQ(c.answer(), ScardRv::success);
  EXPECT_EQ(a.begin(card_a), kParked);
  EXPECT_EQ(b.begin(card_b), kParked);
  EXPECT_EQ(c.end(card_c), ScardRv::success);
  EXPECT_EQ(owner(), card_b) << "before a, who asked earlier this time";
}

TEST_F(CoreTransaction, WhoseTimeEndsWithAReservationDoesNotPassTheNextAbsentOne) {
  TestClient& d = bench.add_client();
  const CardHandle card_d = d.open("R");
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), kParked);
  bench.advance(milliseconds{110});
  EXPECT_EQ(c.begin(card_c), kParked);
  bench.advance(milliseconds{40});
  EXPECT_EQ(d.begin(card_d), kParked);
  bench.advance(milliseconds{850});
  EXPECT_EQ(b.answer(), ScardRv::sharing_violation);
  EXPECT_EQ(a.end(card_a), ScardRv::success);  // reserved for b until d's second is over, too
  bench.advance(milliseconds{110});
  EXPECT_EQ(c.answer(), ScardRv::sharing_violation);
  bench.advance(milliseconds{40});
  EXPECT_EQ(d.answer(), ScardRv::sharing_violation);
  EXPECT_EQ(owner(), 0u) << "now it is reserved for c";
  bench.advance(milliseconds{60});
  EXPECT_EQ(c.begin(card_c), ScardRv::success);
}

TEST_F(CoreTransaction, ABeginThatDoesNotComeBackLosesItsPlace) {
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), kParked);
  bench.advance(milliseconds{1000});
  bench.advance(milliseconds{300});
  EXPECT_EQ(bench.core().counts().queued, 0u);
  EXPECT_EQ(a.end(card_a), ScardRv::success);
  EXPECT_EQ(c.begin(card_c), ScardRv::success);
}

TEST_F(CoreTransaction, BehindTheOwnProcessABeginWaitsATenthOfASecond) {
  TestClient& d = bench.add_client_of({700, 1000});
  TestClient& e = bench.add_client_of({700, 1000});
  const CardHandle card_d = d.open("R");
  const CardHandle card_e = e.open("R");
  EXPECT_EQ(d.begin(card_d), ScardRv::success);
  EXPECT_EQ(e.begin(card_e), kParked);
  bench.advance(milliseconds{99});
  EXPECT_EQ(e.answer(), kParked);
  bench.advance(milliseconds{1});
  EXPECT_EQ(e.answer(), ScardRv::sharing_violation);
}

TEST_F(CoreTransaction, BehindTheOwnConnectionABeginIsAnsweredAtOnceAndKeepsItsPlace) {
  const CardHandle second = a.open("R");
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(a.begin(second), ScardRv::sharing_violation);
  EXPECT_EQ(b.begin(card_b), kParked);
  EXPECT_EQ(a.end(card_a), ScardRv::success);
  EXPECT_EQ(a.begin(second), ScardRv::success) << "it was there before b";
}

TEST_F(CoreTransaction, TransmitStatusAndReconnectWaitATenthOfASecond) {
  const std::function<Outcome()> requests[] = {[&] { return b.transmit(card_b); },
                                               [&] { return b.status(card_b); },
                                               [&] { return b.reconnect(card_b); }};
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  for (const auto& request : requests) {
    EXPECT_EQ(request(), kParked);
    bench.advance(milliseconds{99});
    EXPECT_EQ(b.answer(), kParked);
    bench.advance(milliseconds{1});
    EXPECT_EQ(b.answer(), ScardRv::sharing_violation);
  }
  for (const auto& request : requests) {
    EXPECT_EQ(request(), kParked);
    EXPECT_EQ(a.end(card_a), ScardRv::success);
    EXPECT_EQ(b.answer(), ScardRv::success) << "it runs as soon as the lock is free";
    EXPECT_EQ(a.begin(card_a), ScardRv::success);
  }
}

TEST_F(CoreTransaction, ControlAttributesAndEndAreRefusedAtOnce) {
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.control(card_b), ScardRv::sharing_violation);
  EXPECT_EQ(b.get_attribute(card_b, 0x90303), ScardRv::sharing_violation);
  EXPECT_EQ(b.set_attribute(card_b, 0x90303), ScardRv::sharing_violation);
  EXPECT_EQ(b.end(card_b), ScardRv::sharing_violation);
  EXPECT_EQ(b.end(card_b, Disposition::reset), ScardRv::sharing_violation);
  EXPECT_EQ(resets(), 0u);
}

TEST_F(CoreTransaction, WhatOneParkedRequestAnswersDoesNotHoldUpTheNext) {
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.transmit(card_b), kParked);
  EXPECT_EQ(c.begin(card_c), kParked);
  EXPECT_EQ(a.end(card_a), ScardRv::success);
  EXPECT_EQ(b.answer(), ScardRv::success);
  EXPECT_EQ(c.answer(), ScardRv::success);
}

TEST_F(CoreTransaction, EndWithoutATransactionDoesNotResetTheCard) {
  EXPECT_EQ(a.end(card_a), ScardRv::not_transacted);
  EXPECT_EQ(a.end(card_a, Disposition::reset), ScardRv::not_transacted);
  EXPECT_EQ(a.end(card_a, static_cast<Disposition>(4)), ScardRv::invalid_value);
  EXPECT_EQ(resets(), 0u);
  EXPECT_EQ(b.status(card_b), ScardRv::success);
}

TEST_F(CoreTransaction, EndWithResetMarksEverybodyAndTheOwner) {
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), kParked);
  EXPECT_EQ(a.end(card_a, Disposition::reset), ScardRv::success);
  EXPECT_EQ(resets(), 1u);
  EXPECT_EQ(b.answer(), ScardRv::reset_card) << "a queued BEGIN is checked again";
  EXPECT_EQ(owner(), 0u);
  EXPECT_EQ(a.transmit(card_a), ScardRv::reset_card);
  EXPECT_EQ(a.reconnect(card_a), ScardRv::success);
  EXPECT_EQ(a.transmit(card_a), ScardRv::success);
}

TEST_F(CoreTransaction, EndWithResetWithoutACardSaysSoAndReleasesTheLock) {
  bench.remove_card(reader);
  for (const Disposition action : {Disposition::reset, Disposition::unpower}) {
    const CardHandle direct = a.open("R", ShareMode::direct, 0);
    EXPECT_EQ(a.begin(direct), ScardRv::success);
    EXPECT_EQ(a.end(direct, action), ScardRv::removed_card);
    EXPECT_EQ(owner(), 0u);
  }
  EXPECT_EQ(resets(), 0u);
}

TEST_F(CoreTransaction, EndWithUnpowerPowersTheCardUpAgain) {
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(a.end(card_a, Disposition::unpower), ScardRv::success);
  const auto calls = reader.script->calls();
  ASSERT_GE(calls.size(), 4u);
  EXPECT_THAT(std::vector(calls.end() - 4, calls.end()),
              testing::ElementsAre("presence", "power down", "presence", "power up"));
  EXPECT_EQ(c.status(card_c), ScardRv::reset_card);
}

TEST_F(CoreTransaction, EndWithEjectIsUnsupportedAndReleasesTheLock) {
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(a.end(card_a, Disposition::eject), ScardRv::unsupported_feature);
  EXPECT_EQ(owner(), 0u);
}

TEST_F(CoreTransaction, EndWithAnActionThatFailsStillReleasesTheLock) {
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  reader.script->queue_result(DriverCall::power, IfdRv::communication_error);
  EXPECT_EQ(a.end(card_a, Disposition::reset), ScardRv::not_transacted);
  EXPECT_EQ(owner(), 0u);
}

TEST_F(CoreTransaction, EndOnAMarkedHandleStillReleasesTheLock) {
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(a.end(card_a, Disposition::reset), ScardRv::success);
  EXPECT_EQ(owner(), card_a);
  EXPECT_EQ(b.connect("R"), kParked);
  EXPECT_EQ(a.end(card_a), ScardRv::reset_card);
  EXPECT_EQ(owner(), 0u);
  EXPECT_EQ(b.answer(), ScardRv::success);
}

TEST_F(CoreTransaction, ExclusiveModeIsNoTransaction) {
  EXPECT_EQ(b.disconnect(card_b), ScardRv::success);
  EXPECT_EQ(c.disconnect(card_c), ScardRv::success);
  EXPECT_EQ(a.reconnect(card_a, ShareMode::exclusive), ScardRv::success);
  EXPECT_EQ(a.end(card_a), ScardRv::not_transacted);
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(a.end(card_a), ScardRv::success);
  EXPECT_EQ(a.end(card_a), ScardRv::not_transacted);
  EXPECT_EQ(owner(), card_a) << "the lock of exclusive mode stays";
}

TEST_F(CoreTransaction, ABeginThatCannotComeMakesRoomForTheNext) {
  // b is away with a reservation when its handle is marked; c waits without limit.
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), kParked);
  bench.advance(milliseconds{1000});
  TestClient& d = bench.add_client();
  EXPECT_EQ(c.begin(card_c), kParked);
  EXPECT_EQ(a.end(card_a), ScardRv::success);
  const CardHandle card_d = d.open("R");
  EXPECT_EQ(d.disconnect(card_d, Disposition::reset), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), ScardRv::reset_card);
  EXPECT_EQ(c.answer(), ScardRv::reset_card) << "nobody is before it any more";
}

TEST_F(CoreTransaction, AnyHandleMayActDuringADaemonsResetOnceItIsOver) {
  // CONTROL and the attributes have no retry in the library: they wait for the driver instead.
  bench.hold_jobs();
  EXPECT_EQ(a.disconnect(card_a, Disposition::reset), kParked);
  EXPECT_EQ(b.control(card_b), kParked);
  EXPECT_EQ(c.get_attribute(card_c, 0x90303), kParked);
  bench.release_jobs();
  EXPECT_EQ(a.answer(), ScardRv::success);
  EXPECT_EQ(b.answer(), ScardRv::unsupported_feature) << "what the scripted driver says";
  EXPECT_EQ(c.answer(), ScardRv::reset_card);
}

TEST_F(CoreTransaction, BehaviourVectors) {
  // The vectors of the compatibility suite that concern two clients of one reader.
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.disconnect(card_b), ScardRv::success) << "leave does not wait";
  EXPECT_EQ(a.end(card_a), ScardRv::success);
  card_b = b.open("R");
  EXPECT_EQ(b.disconnect(card_b, Disposition::reset), ScardRv::success);
  EXPECT_EQ(a.status(card_a), ScardRv::reset_card);
  EXPECT_EQ(a.begin(card_a), ScardRv::reset_card);
  EXPECT_EQ(a.transmit(card_a), ScardRv::reset_card);
  EXPECT_EQ(a.get_attribute(card_a, 0x90303), ScardRv::reset_card);
  EXPECT_EQ(a.set_attribute(card_a, 0x90303), ScardRv::reset_card);
  EXPECT_EQ(a.end(card_a), ScardRv::reset_card);
  reader.script->queue_response(DriverCall::control, {1});
  EXPECT_EQ(a.control(card_a), ScardRv::success) << "CONTROL does not look at marks";
  EXPECT_EQ(a.disconnect(card_a), ScardRv::success) << "nor does DISCONNECT";
}

}  // namespace
}  // namespace cardea::core
