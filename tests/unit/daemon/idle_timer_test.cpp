#include "daemon/idle_timer.hpp"

#include <gtest/gtest.h>

namespace cardea {
namespace {

using std::chrono::seconds;

constexpr seconds kLimit{60};
const TimePoint kStart{seconds(1'000)};

TEST(IdleTimer, EndsAtTheLimitAndNotBefore) {
  const IdleTimer timer(kLimit);
  EXPECT_EQ(timer.time_left(kStart, kStart), kLimit);
  EXPECT_EQ(timer.time_left(kStart, kStart + seconds(59)), seconds(1));
  EXPECT_EQ(timer.time_left(kStart, kStart + kLimit - milliseconds(1)), milliseconds(1));
  EXPECT_EQ(timer.time_left(kStart, kStart + kLimit), Duration::zero());
  EXPECT_EQ(timer.time_left(kStart, kStart + seconds(1'000'000)), Duration::zero());
}

TEST(IdleTimer, StaysAsLongAsThereAreClients) {
  EXPECT_EQ(IdleTimer(kLimit).time_left(std::nullopt, kStart + seconds(1'000'000)), kLimit);
}

TEST(IdleTimer, WhoeverWaitsAsToldEndsAtTheLimitAfterTheLastClient) {
  const IdleTimer timer(kLimit);
  const TimePoint came = kStart + seconds(10);
  const TimePoint left = kStart + seconds(75);
  TimePoint now = kStart;
  for (int look = 0; look < 10; ++look) {
    std::optional<TimePoint> idle_since = now < came ? kStart : left;
    if (now >= came && now < left) idle_since.reset();
    const Duration rest = timer.time_left(idle_since, now);
    if (rest == Duration::zero()) break;
    now += rest;
  }
  EXPECT_EQ(now, left + kLimit);
}

}  // namespace
}  // namespace cardea
