#include "bench/samples.hpp"

#include <gtest/gtest.h>

namespace cardea::bench {
namespace {

TEST(Samples, TakesThePercentileByNearestRank) {
  const std::vector<Nanoseconds> sorted{10, 20, 30, 40};
  EXPECT_EQ(percentile(sorted, 0), 10);
  EXPECT_EQ(percentile(sorted, 50), 20);
  EXPECT_EQ(percentile(sorted, 51), 30);
  EXPECT_EQ(percentile(sorted, 95), 40);
  EXPECT_EQ(percentile(sorted, 100), 40);
}

TEST(Samples, HasNoPercentileWithoutSamples) { EXPECT_EQ(percentile({}, 50), 0); }

TEST(Samples, CallsEqualCountsEven) {
  EXPECT_DOUBLE_EQ(evenness({7, 7, 7}), 1.0);
  EXPECT_DOUBLE_EQ(jain_index({7, 7, 7}), 1.0);
}

TEST(Samples, CallsOneWinnerUneven) {
  EXPECT_DOUBLE_EQ(evenness({0, 100, 50}), 0.0);
  EXPECT_DOUBLE_EQ(evenness({90, 100}), 0.9);
  EXPECT_DOUBLE_EQ(jain_index({12, 0, 0, 0}), 0.25);
}

}  // namespace
}  // namespace cardea::bench
