#include "daemon/log_limit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cardea {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const TimePoint kStart{seconds(1'000)};

log::Record about(const std::string& reader, log::Level level = log::Level::error) {
  return {level, reader + " fails", {{"READER", reader}}, log::Event::reader_fault};
}

TEST(LogLimit, WritesTheFirstOnesAndSumsUpTheRest) {
  LogLimit limit;
  std::size_t written = 0;
  for (int i = 0; i < 300; ++i) written += limit.admit(about("A"), kStart + milliseconds(100) * i);
  EXPECT_EQ(written, LogLimit::kReaderMax - 1);
  EXPECT_THAT(limit.due(kStart + seconds(59)), IsEmpty());
  ASSERT_EQ(limit.next_deadline(), kStart + LogLimit::kWindow);
  const auto summaries = limit.due(kStart + LogLimit::kWindow);
  ASSERT_THAT(summaries, SizeIs(1));
  EXPECT_THAT(summaries[0].text, HasSubstr("297 more messages were left out"));
  EXPECT_THAT(summaries[0].text, HasSubstr("A fails"));
  EXPECT_EQ(summaries[0].level, log::Level::error);
  EXPECT_EQ(summaries[0].event, log::Event::repeated);
  EXPECT_EQ(summaries[0].fields.back().second, "297");
  EXPECT_EQ(limit.next_deadline(), std::nullopt);
}

TEST(LogLimit, NoMinuteHasMoreThanTheLimit) {
  LogLimit limit;
  std::deque<TimePoint> lines;
  for (int tick = 0; tick < 10 * 60 * 10; ++tick) {
    const TimePoint now = kStart + milliseconds(100) * tick;
    for (std::size_t due = limit.due(now).size(); due > 0; --due) lines.push_back(now);
    if (limit.admit(about("A"), now)) lines.push_back(now);
    while (!lines.empty() && lines.front() + LogLimit::kWindow <= now) lines.pop_front();
    ASSERT_LE(lines.size(), LogLimit::kReaderMax) << "tick " << tick;
  }
  EXPECT_FALSE(lines.empty()) << "and it never falls silent";
}

TEST(LogLimit, NeverLimitsWhatWorks) {
  LogLimit limit;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(limit.admit(about("A", log::Level::info), kStart));
  EXPECT_EQ(limit.next_deadline(), std::nullopt);
}

TEST(LogLimit, CountsWhatATroubledReaderSaysOtherwise) {
  LogLimit limit;
  limit.admit(about("A"), kStart);
  std::size_t written = 1;
  for (int i = 0; i < 50; ++i) written += limit.admit(about("A", log::Level::info), kStart);
  EXPECT_EQ(written, LogLimit::kReaderMax - 1);
}

TEST(LogLimit, OneReaderCostsNoOtherItsRecords) {
  LogLimit limit;
  for (int i = 0; i < 100; ++i) limit.admit(about("A"), kStart);
  EXPECT_TRUE(limit.admit(about("B"), kStart));
  EXPECT_TRUE(limit.admit({log::Level::error, "of nobody", {}}, kStart));
}

TEST(LogLimit, LeavesDetailsAndApdusAlone) {
  LogLimit limit;
  for (int i = 0; i < 100; ++i) {
    limit.admit(about("A"), kStart);
    EXPECT_TRUE(limit.admit(about("A", log::Level::debug), kStart));
    EXPECT_TRUE(
        limit.admit({log::Level::info, "APDU: 00", {{"READER", "A"}}, log::Event::apdu}, kStart));
  }
}

TEST(LogLimit, WhatIsLeftComesAtTheEnd) {
  LogLimit limit;
  for (int i = 0; i < 5; ++i) limit.admit(about("A"), kStart);
  EXPECT_THAT(limit.rest(), SizeIs(1));
  EXPECT_THAT(limit.rest(), IsEmpty());
}

TEST(LogLimit, KeepsNoMoreSubjectsThanItsLimit) {
  LogLimit limit;
  std::size_t written = 0;
  for (std::size_t i = 0; i < 10 * LogLimit::kSubjectsMax; ++i) {
    written += limit.admit(about(std::to_string(i)), kStart);
  }
  EXPECT_EQ(written, LogLimit::kSubjectsMax + LogLimit::kProgramMax - 1);
  EXPECT_TRUE(limit.admit(about("later"), kStart + LogLimit::kWindow));
}

TEST(LogLimit, AllThatOneReaderCausesIsTenLinesAMinute) {
  EXPECT_EQ(LogLimit::kReaderMax + LogLimit::kDeviceMax + LogLimit::kDriversMax, 10U);
}

}  // namespace
}  // namespace cardea
