// Transactions that are held without being used.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/daemon/core/core_bench.hpp"

namespace cardea::core {
namespace {

Settings settings(IdlePolicy policy, milliseconds limit = milliseconds{5'000}) {
  Settings settings;
  settings.idle_holder = limit;
  settings.idle_holder_policy = policy;
  return settings;
}

/// Two clients with a shared handle each; the first has the lock.
class IdleHolder : public testing::Test {
 protected:
  explicit IdleHolder(const Settings& chosen = settings(IdlePolicy::report)) : bench(chosen) {
    EXPECT_EQ(a.begin(card_a), ScardRv::success);
  }
  [[nodiscard]] std::size_t resets() const {
    const auto calls = reader.script->calls();
    return static_cast<std::size_t>(std::count(calls.begin(), calls.end(), "power reset"));
  }

  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  CardHandle card_a = a.open("R");
  CardHandle card_b = b.open("R");
};

class IdleHolderReset : public IdleHolder {
 protected:
  IdleHolderReset() : IdleHolder(settings(IdlePolicy::reset)) {}
};
class IdleHolderNever : public IdleHolder {
 protected:
  IdleHolderNever() : IdleHolder(settings(IdlePolicy::reset, milliseconds{0})) {}
};

TEST_F(IdleHolder, IsReportedOnceForEachHold) {
  bench.advance(milliseconds{4'999});
  EXPECT_TRUE(bench.idle_holds.empty());
  bench.advance(milliseconds{1});
  ASSERT_EQ(bench.idle_holds.size(), 1U);
  EXPECT_EQ(bench.idle_holds[0].reader, "R");
  EXPECT_EQ(bench.idle_holds[0].held, milliseconds{5'000});
  EXPECT_TRUE(bench.idle_holds[0].waiters.empty());
  EXPECT_FALSE(bench.idle_holds[0].reset);
  bench.advance(milliseconds{60'000});
  EXPECT_EQ(bench.idle_holds.size(), 1U);
  ASSERT_EQ(a.end(card_a), ScardRv::success);
  ASSERT_EQ(a.begin(card_a), ScardRv::success);
  bench.advance(milliseconds{5'000});
  EXPECT_EQ(bench.idle_holds.size(), 2U) << "the next hold";
}

TEST_F(IdleHolder, IsReportedOnceMoreWhenSomebodyComesToWait) {
  bench.advance(milliseconds{7'000});
  ASSERT_EQ(b.begin(card_b), kParked);
  bench.advance(milliseconds{900});
  ASSERT_EQ(bench.idle_holds.size(), 2U);
  EXPECT_EQ(bench.idle_holds[1].waiters.size(), 1U);
  EXPECT_EQ(bench.idle_holds[1].held, milliseconds{7'000}) << "at once";
  bench.advance(milliseconds{200});
  ASSERT_EQ(b.answer(), ScardRv::sharing_violation) << "the policy is off: nobody is disturbed";
  ASSERT_EQ(b.begin(card_b), kParked);
  bench.advance(milliseconds{900});
  EXPECT_EQ(bench.idle_holds.size(), 2U);
  EXPECT_EQ(resets(), 0U);
}

TEST_F(IdleHolder, WorksOnAndIsNotIdle) {
  for (int i = 0; i < 4; ++i) {
    bench.advance(milliseconds{4'000});
    ASSERT_EQ(a.transmit(card_a), ScardRv::success);
  }
  EXPECT_TRUE(bench.idle_holds.empty());
}

TEST_F(IdleHolder, IsNotIdleWhileItsDriverCallTakesLong) {
  bench.hold_jobs();
  ASSERT_EQ(a.transmit(card_a), kParked);
  bench.advance(milliseconds{20'000});
  EXPECT_TRUE(bench.idle_holds.empty());
  bench.release_jobs();
  ASSERT_EQ(a.answer(), ScardRv::success);
  bench.advance(milliseconds{4'999});
  EXPECT_TRUE(bench.idle_holds.empty());
  bench.advance(milliseconds{1});
  EXPECT_EQ(bench.idle_holds.size(), 1U);
}

TEST_F(IdleHolder, IsNobodyWhoIsExclusiveWithoutTransaction) {
  ASSERT_EQ(a.end(card_a), ScardRv::success);
  TestReader& other = bench.add_reader("S");
  ASSERT_EQ(b.connect(other.name, wire::ShareMode::exclusive), ScardRv::success);
  bench.advance(milliseconds{60'000});
  EXPECT_TRUE(bench.idle_holds.empty());
}

TEST_F(IdleHolderReset, LosesTheCardToTheOneWhoWaits) {
  ASSERT_EQ(b.begin(card_b), kParked);
  bench.advance(milliseconds{1'100});
  ASSERT_EQ(b.answer(), ScardRv::sharing_violation);
  bench.advance(milliseconds{3'500});
  ASSERT_EQ(b.begin(card_b), kParked);
  bench.advance(milliseconds{400});
  ASSERT_EQ(bench.idle_holds.size(), 1U);
  EXPECT_TRUE(bench.idle_holds[0].reset);
  EXPECT_EQ(resets(), 1U);
  EXPECT_EQ(b.answer(), ScardRv::reset_card) << "everybody learns of the reset";
  EXPECT_EQ(b.reconnect(card_b), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), ScardRv::success);
  EXPECT_EQ(a.end(card_a), ScardRv::reset_card);
  EXPECT_EQ(bench.core().lock_owner("R"), card_b);
}

TEST_F(IdleHolderReset, KeepsTheCardWhileNobodyWaits) {
  bench.advance(milliseconds{60'000});
  EXPECT_EQ(resets(), 0U);
  EXPECT_EQ(bench.core().lock_owner("R"), card_a);
  ASSERT_EQ(b.begin(card_b), kParked);
  bench.advance(milliseconds{1});
  EXPECT_EQ(resets(), 1U) << "it has been idle long enough";
}

TEST_F(IdleHolderNever, IsLeftAlone) {
  ASSERT_EQ(b.begin(card_b), kParked);
  bench.advance(milliseconds{900});
  EXPECT_TRUE(bench.idle_holds.empty());
  EXPECT_EQ(resets(), 0U);
}

}  // namespace
}  // namespace cardea::core
