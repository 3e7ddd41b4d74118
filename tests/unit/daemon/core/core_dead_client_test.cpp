// Clients that vanish, in every state a request can be in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/daemon/core/core_bench.hpp"

namespace cardea::core {
namespace {

using testing::ElementsAre;
using wire::Disposition;
using wire::ShareMode;

class CoreDeadClient : public testing::Test {
 protected:
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();

  [[nodiscard]] std::size_t resets() const {
    const auto calls = reader.script->calls();
    return static_cast<std::size_t>(std::count(calls.begin(), calls.end(), "power reset"));
  }
  void expect_nothing_left() {
    const Core::Counts expected{.clients = 0, .readers = 1};
    EXPECT_EQ(bench.core().counts(), expected);
  }
};

TEST_F(CoreDeadClient, AnIdleClientLeavesNoReset) {
  (void)a.open("R");
  const CardHandle card = b.open("R");
  a.die();
  EXPECT_EQ(b.status(card), ScardRv::success);
  EXPECT_EQ(resets(), 0u);
  b.die();
  EXPECT_EQ(resets(), 0u);
  expect_nothing_left();
}

TEST_F(CoreDeadClient, WithTwoHandlesKeepsNobodyOutByTheSecond) {
  const CardHandle card = a.open("R");
  (void)a.open("R");
  EXPECT_EQ(a.begin(card), ScardRv::success);
  EXPECT_EQ(b.connect("R", ShareMode::exclusive), kParked);
  a.die();
  EXPECT_EQ(b.answer(), ScardRv::success);
}

TEST_F(CoreDeadClient, ThatIsNotRemovedYetKeepsNobodyOutByExclusiveMode) {
  (void)a.open("R", ShareMode::exclusive);
  EXPECT_EQ(b.connect("R"), ScardRv::sharing_violation);
  a.hang_up();
  EXPECT_EQ(b.connect("R"), ScardRv::success);
  EXPECT_EQ(resets(), 1u) << "as after any death with the lock";
  EXPECT_FALSE(bench.core().knows(a.id));
  a.die();  // the server comes to it now
  EXPECT_EQ(b.transmit(b.card()), ScardRv::success);
  b.die();
  expect_nothing_left();
}

TEST_F(CoreDeadClient, ThatIsNotRemovedYetDoesNotHinderExclusiveMode) {
  (void)a.open("R");
  TestClient& c = bench.add_client();
  const CardHandle card = c.open("R");
  EXPECT_EQ(b.connect("R", ShareMode::exclusive), ScardRv::sharing_violation);
  a.hang_up();
  EXPECT_EQ(b.connect("R", ShareMode::exclusive), ScardRv::sharing_violation) << "C is there";
  EXPECT_EQ(c.reconnect(card, ShareMode::exclusive), ScardRv::success);
  EXPECT_EQ(b.connect("R"), ScardRv::sharing_violation);
  c.hang_up();
  EXPECT_EQ(b.connect("R", ShareMode::exclusive), ScardRv::success);
  a.die();
  b.die();
  c.die();
  expect_nothing_left();
}

TEST_F(CoreDeadClient, ThatIsNotRemovedYetIsRemovedWhileItsCallRuns) {
  const CardHandle card = a.open("R");
  bench.hold_jobs();
  EXPECT_EQ(a.reconnect(card, ShareMode::exclusive), kParked);
  a.hang_up();
  EXPECT_EQ(b.connect("R"), kParked) << "behind the driver call and the clean-up";
  bench.release_jobs();
  EXPECT_EQ(b.answer(), ScardRv::success);
  a.die();
  b.die();
  expect_nothing_left();
}

TEST_F(CoreDeadClient, WithTheLockTheCardIsResetBeforeTheNextIsServed) {
  const CardHandle card_a = a.open("R");
  const CardHandle card_b = b.open("R");
  TestClient& c = bench.add_client();
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), kParked);
  EXPECT_EQ(c.connect("R"), kParked);
  bench.hold_jobs();
  a.die();
  EXPECT_THAT(bench.waiting_jobs(), ElementsAre(JobKind::clean_up));
  EXPECT_EQ(b.answer(), kParked) << "the reset is not done yet";
  EXPECT_EQ(c.answer(), kParked);
  bench.release_jobs();
  EXPECT_EQ(resets(), 1u);
  EXPECT_EQ(b.answer(), ScardRv::reset_card);
  EXPECT_EQ(c.answer(), ScardRv::success);
  EXPECT_EQ(b.reconnect(card_b), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), ScardRv::success);
}

TEST_F(CoreDeadClient, ThatNeverHeardOfItsGrantLeavesTheCardAsItIs) {
  const CardHandle card_a = a.open("R");
  const CardHandle card_b = b.open("R");
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), kParked);
  EXPECT_EQ(a.end(card_a, Disposition::leave), ScardRv::success);
  EXPECT_EQ(b.answer(), ScardRv::success);
  b.die(/*answer_lost=*/true);
  EXPECT_EQ(resets(), 0u);
  EXPECT_EQ(a.begin(card_a), ScardRv::success) << "and no mark";
}

TEST_F(CoreDeadClient, ThatUsedItsGrantIsCleanedUpThoughALaterAnswerIsLost) {
  const CardHandle card = a.open("R");
  EXPECT_EQ(a.begin(card), ScardRv::success);
  EXPECT_EQ(a.status(card), ScardRv::success);
  a.die(/*answer_lost=*/true);
  EXPECT_EQ(resets(), 1u);
}

TEST_F(CoreDeadClient, ThatReleasedItsGrantAndHeardNothingLeavesNothing) {
  const CardHandle card = a.open("R");
  EXPECT_EQ(a.begin(card), ScardRv::success);
  EXPECT_EQ(a.release(), ScardRv::success);
  a.die(/*answer_lost=*/true);
  b.die();
  EXPECT_EQ(resets(), 1u);
  expect_nothing_left();
}

TEST_F(CoreDeadClient, TheLockIsCleanedUpAsMeasured) {
  struct Case {
    const char* name;
    std::function<void(TestClient&)> act;
    std::size_t resets;
  };
  const Case cases[] = {
      {"exclusive, close",
       [](TestClient& client) {
         (void)client.open("R", ShareMode::exclusive);
         client.die();
       },
       1},
      {"exclusive, release",
       [](TestClient& client) {
         (void)client.open("R", ShareMode::exclusive);
         (void)client.release();
       },
       1},
      {"exclusive, disconnect",
       [](TestClient& client) { (void)client.disconnect(client.open("R", ShareMode::exclusive)); },
       0},
      {"transaction, release",
       [](TestClient& client) {
         (void)client.begin(client.open("R"));
         (void)client.release();
       },
       1},
      {"transaction, disconnect",
       [](TestClient& client) {
         const CardHandle card = client.open("R");
         (void)client.begin(card);
         (void)client.disconnect(card);
       },
       0},
      {"transaction and mark, close",
       [](TestClient& client) {
         const CardHandle card = client.open("R");
         (void)client.begin(card);
         (void)client.begin(card);
         (void)client.end(card, Disposition::reset);
         client.die();
       },
       1},
  };
  for (const Case& test : cases) {
    CoreBench other;
    TestReader& slot = other.add_reader("R");
    test.act(other.add_client());
    const auto calls = slot.script->calls();
    EXPECT_EQ(std::count(calls.begin(), calls.end(), "power reset"),
              static_cast<std::ptrdiff_t>(test.resets))
        << test.name;
    EXPECT_EQ(other.core().lock_owner("R"), 0u) << test.name;
    EXPECT_EQ(other.add_client().connect("R", ShareMode::exclusive), ScardRv::success) << test.name;
  }
}

TEST_F(CoreDeadClient, ATransactionOnACardThatIsGoneNeedsNoReset) {
  const CardHandle card = a.open("R");
  EXPECT_EQ(a.begin(card), ScardRv::success);
  bench.fail_presence(reader, IfdRv::communication_error);
  a.die();
  EXPECT_EQ(resets(), 0u);
  EXPECT_EQ(bench.core().lock_owner("R"), 0u);
  bench.advance(milliseconds{400});
  EXPECT_EQ(b.connect("R"), ScardRv::success);
}

TEST_F(CoreDeadClient, InLineItGivesUpItsPlace) {
  const CardHandle card_a = a.open("R");
  const CardHandle card_b = b.open("R");
  TestClient& c = bench.add_client();
  TestClient& d = bench.add_client();
  const CardHandle card_c = c.open("R");
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), kParked);
  EXPECT_EQ(d.connect("R"), kParked);
  EXPECT_EQ(c.begin(card_c), kParked);
  b.die();
  d.die();
  EXPECT_EQ(bench.core().counts().queued, 1u);
  EXPECT_EQ(a.end(card_a), ScardRv::success);
  EXPECT_EQ(c.answer(), ScardRv::success);
  EXPECT_EQ(resets(), 0u);
}

TEST_F(CoreDeadClient, WithAReservationItMakesRoomAtOnce) {
  const CardHandle card_a = a.open("R");
  const CardHandle card_b = b.open("R");
  TestClient& c = bench.add_client();
  const CardHandle card_c = c.open("R");
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), kParked);
  bench.advance(milliseconds{1000});
  EXPECT_EQ(c.begin(card_c), kParked);
  EXPECT_EQ(a.end(card_a), ScardRv::success);
  EXPECT_EQ(c.answer(), kParked);
  b.die();
  EXPECT_EQ(c.answer(), ScardRv::success);
}

TEST_F(CoreDeadClient, InTheDomainQueueItsRequestIsNotRun) {
  const CardHandle card_a = a.open("R");
  const CardHandle card_b = b.open("R");
  bench.hold_jobs();
  EXPECT_EQ(a.transmit(card_a), kParked);
  EXPECT_EQ(b.transmit(card_b), kParked);
  b.die();
  EXPECT_EQ(bench.core().counts().queued, 0u);
  bench.release_jobs();
  EXPECT_EQ(a.answer(), ScardRv::success);
  const auto calls = reader.script->calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "transmit 1 00A40000"), 1);
}

TEST_F(CoreDeadClient, WhileItsDriverCallRunsItsLockIsCleanedUpAfterwards) {
  const CardHandle card_a = a.open("R");
  const CardHandle card_b = b.open("R");
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  bench.hold_jobs();
  EXPECT_EQ(a.transmit(card_a), kParked);
  a.die();
  EXPECT_EQ(b.begin(card_b), kParked);
  bench.release_jobs();
  EXPECT_EQ(reader.script->calls().back(), "power reset");
  EXPECT_EQ(b.answer(), ScardRv::reset_card);
}

TEST_F(CoreDeadClient, DuringItsConnectTheReaderIsFreeAgain) {
  for (const ShareMode mode : {ShareMode::shared, ShareMode::exclusive}) {
    TestClient& dying = bench.add_client();
    bench.hold_jobs();
    EXPECT_EQ(dying.connect("R", mode), kParked);
    dying.die();
    EXPECT_EQ(bench.core().counts().handles, 0u);
    bench.release_jobs();
    EXPECT_EQ(bench.core().lock_owner("R"), 0u);
    EXPECT_EQ(resets(), 0u);
    bench.advance(milliseconds{5000});
    EXPECT_EQ(reader.script->calls().back(), "power down") << "nobody uses the card";
  }
}

TEST_F(CoreDeadClient, DuringItsOwnResetTheOthersAreMarkedAndServed) {
  const CardHandle card_a = a.open("R");
  const CardHandle card_b = b.open("R");
  struct Case {
    std::function<Outcome(TestClient&, CardHandle)> request;
  };
  const Case cases[] = {
      {[](TestClient& client, CardHandle card) {
        return client.disconnect(card, Disposition::reset);
      }},
      {[](TestClient& client, CardHandle card) {
        return client.reconnect(card, ShareMode::shared, kAnyProtocol, Disposition::reset);
      }},
      {[](TestClient& client, CardHandle card) {
        (void)client.begin(card);
        return client.end(card, Disposition::reset);
      }},
  };
  EXPECT_EQ(a.disconnect(card_a), ScardRv::success);
  for (const Case& test : cases) {
    TestClient& dying = bench.add_client();
    const CardHandle card = dying.open("R");
    EXPECT_EQ(b.reconnect(card_b), ScardRv::success);
    bench.hold_jobs();
    EXPECT_EQ(test.request(dying, card), kParked);
    dying.die();
    EXPECT_EQ(b.begin(card_b), kParked);
    bench.release_jobs();
    EXPECT_EQ(b.answer(), ScardRv::reset_card);
    EXPECT_EQ(bench.core().lock_owner("R"), 0u);
  }
}

TEST_F(CoreDeadClient, AWaiterIsForgotten) {
  a.wait();
  EXPECT_EQ(bench.core().counts().waiting, 1u);
  a.die();
  EXPECT_EQ(bench.core().counts().waiting, 0u);
  bench.remove_card(reader);
  EXPECT_TRUE(a.completions.empty());
  EXPECT_EQ(b.cancel(a.context), ScardRv::invalid_handle);
}

TEST_F(CoreDeadClient, OneThatWaitsForAStartIsForgotten) {
  bench.step([this](Core& core, Effects&) { core.reader_start_began(bench.now()); });
  a.fetch_states();
  EXPECT_EQ(b.connect("S"), kParked);
  a.die();
  b.die();
  bench.step([this](Core& core, Effects& fx) { core.reader_start_ended(bench.now(), fx); });
  EXPECT_EQ(a.answers, a.requests - 1);
  expect_nothing_left();
}

TEST_F(CoreDeadClient, OneThatWaitsForAStartMayBeRemovedByAnotherThatDoes) {
  bench.step([this](Core& core, Effects&) { core.reader_start_began(bench.now()); });
  EXPECT_EQ(b.connect("S"), kParked);
  bench.add_reader("S");
  a.open("S", ShareMode::exclusive);
  a.fetch_states();
  a.hang_up();
  bench.step([this](Core& core, Effects& fx) { core.reader_start_ended(bench.now(), fx); });
  EXPECT_EQ(b.answer(), ScardRv::success);
  a.die();
}

TEST_F(CoreDeadClient, ARemovedReaderNeedsNoCleaning) {
  const CardHandle card = a.open("R");
  EXPECT_EQ(a.begin(card), ScardRv::success);
  bench.hold_jobs();
  EXPECT_EQ(a.transmit(card), kParked);
  bench.unplug(reader);
  a.die();
  bench.release_jobs();
  EXPECT_EQ(resets(), 0u);
  EXPECT_EQ(bench.core().counts().handles, 0u);
  EXPECT_EQ(reader.driver, nullptr);
}

TEST_F(CoreDeadClient, AReaderThatGoesDuringTheCleanUpLeavesNothing) {
  const CardHandle card = a.open("R");
  EXPECT_EQ(a.begin(card), ScardRv::success);
  EXPECT_EQ(b.connect("R"), kParked);
  bench.hold_jobs();
  a.die();
  bench.unplug(reader);
  EXPECT_EQ(b.answer(), ScardRv::unknown_reader);
  bench.release_jobs();
  EXPECT_EQ(reader.driver, nullptr);
  b.die();
  EXPECT_EQ(bench.core().counts(), Core::Counts{});
}

}  // namespace
}  // namespace cardea::core
