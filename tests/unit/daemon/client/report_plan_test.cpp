#include "daemon/client/report_plan.hpp"

#include <gtest/gtest.h>

namespace cardea {
namespace {

using std::chrono::seconds;

constexpr seconds kGap{1};
const TimePoint kStart{seconds(1'000)};

TEST(ReportPlan, HasNothingToTellAtFirst) {
  EXPECT_EQ(ReportPlan(kGap, std::nullopt).due(), std::nullopt);
}

TEST(ReportPlan, TellsTheFirstThingAtOnce) {
  ReportPlan plan(kGap, std::nullopt);
  plan.tell(kStart);
  EXPECT_EQ(plan.due(), kStart);
}

TEST(ReportPlan, WhatComesEarlierCounts) {
  ReportPlan plan(kGap, std::nullopt);
  plan.tell(kStart + seconds(5));
  plan.tell(kStart);
  plan.tell(kStart + seconds(5));
  EXPECT_EQ(plan.due(), kStart);
}

TEST(ReportPlan, GathersChangesForTheGap) {
  ReportPlan plan(kGap, std::nullopt);
  plan.reported(kStart);
  EXPECT_EQ(plan.due(), std::nullopt);
  plan.tell(kStart + milliseconds(10));
  plan.tell(kStart + milliseconds(900));
  EXPECT_EQ(plan.due(), kStart + kGap);
  plan.reported(kStart + kGap);
  plan.tell(kStart + seconds(9));
  EXPECT_EQ(plan.due(), kStart + seconds(9)) << "the gap is over";
}

TEST(ReportPlan, DoesNotWaitWithWhatIsUrgent) {
  ReportPlan plan(kGap, std::nullopt);
  plan.reported(kStart);
  plan.tell(kStart + milliseconds(10));
  plan.tell(kStart + milliseconds(20), ReportPlan::Urgency::at_once);
  EXPECT_EQ(plan.due(), kStart + milliseconds(20));
}

TEST(ReportPlan, ReportsInRegularIntervalsIfAsked) {
  ReportPlan plan(kGap, seconds(15));
  plan.reported(kStart);
  EXPECT_EQ(plan.due(), kStart + seconds(15));
  plan.tell(kStart + seconds(3));
  EXPECT_EQ(plan.due(), kStart + seconds(3));
  plan.reported(kStart + seconds(3));
  EXPECT_EQ(plan.due(), kStart + seconds(18));
}

}  // namespace
}  // namespace cardea
