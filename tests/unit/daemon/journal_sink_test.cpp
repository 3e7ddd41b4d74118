#include "daemon/journal_sink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace cardea {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(JournalSink, SendsWhatARecordBringsWithAPrefix) {
  const auto fields = journal_fields({log::Level::warning,
                                      "text",
                                      {{"READER", "A 00 00"}, {"CLIENT_PID", "12"}},
                                      log::Event::client_limit});
  EXPECT_THAT(fields,
              ElementsAre("MESSAGE=text", "PRIORITY=4", "SYSLOG_IDENTIFIER=pcscd",
                          std::string("MESSAGE_ID=") + log::message_id(log::Event::client_limit),
                          "CARDEA_READER=A 00 00", "CARDEA_CLIENT_PID=12"));
}

TEST(JournalSink, GivesDetailsNoMessageId) {
  const auto fields = journal_fields({log::Level::debug, "text", {}});
  EXPECT_THAT(fields, Not(Contains(HasSubstr("MESSAGE_ID"))));
}

TEST(JournalSink, HasPrioritiesThatMeanWhatTheySay) {
  EXPECT_EQ(syslog_priority(log::Level::debug), 7);
  EXPECT_EQ(syslog_priority(log::Level::info), 6);
  EXPECT_EQ(syslog_priority(log::Level::warning), 4);
  EXPECT_EQ(syslog_priority(log::Level::error), 3);
  EXPECT_EQ(syslog_priority(log::Level::critical), 2);
}

TEST(JournalSink, KnowsItsStreamByDeviceAndInode) {
  struct stat status {};
  ASSERT_EQ(::fstat(STDOUT_FILENO, &status), 0);
  const std::string here = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  ::setenv("JOURNAL_STREAM", here.c_str(), 1);
  EXPECT_TRUE(is_journal_connected("/dev/null"));
  EXPECT_FALSE(is_journal_connected("/nowhere"));
  // Inherited from a parent whose output was the journal; ours has been redirected.
  ::setenv("JOURNAL_STREAM", "1:0", 1);
  EXPECT_FALSE(is_journal_connected("/dev/null"));
  ::setenv("JOURNAL_STREAM", "nonsense", 1);
  EXPECT_FALSE(is_journal_connected("/dev/null"));
  ::unsetenv("JOURNAL_STREAM");
  EXPECT_FALSE(is_journal_connected("/dev/null"));
}

}  // namespace
}  // namespace cardea
