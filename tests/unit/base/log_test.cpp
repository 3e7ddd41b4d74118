#include "base/log.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace cardea::log {
namespace {

std::string g_last;

TEST(Log, ShowsBytesInHexadecimalUpToALimit) {
  const std::array<unsigned char, 3> bytes{0x3B, 0x0A, 0xFF};
  EXPECT_EQ(hex(bytes, 3), "3B 0A FF");
  EXPECT_EQ(hex(bytes, 2), "3B 0A ... (3 bytes)");
  EXPECT_EQ(hex({}, 2), "");
}

TEST(Log, EscapesWhatCouldForgeALine) {
  EXPECT_EQ(escape("a\nb\\\x1b\xc3"), "a\\x0Ab\\x5C\\x1B\\xC3");
}

TEST(Log, CutsLongPeerText) {
  EXPECT_EQ(escape(std::string(1000, 'x')), std::string(256, 'x') + "...");
}

TEST(Log, MakesARecordOneLine) {
  const Record record = one_line(
      {Level::error, "a\n<3>forged\x1b[2J \\x0A", {{"READER", "b\rc\x7f"}}, Event::reader_fault});
  EXPECT_EQ(record.text, "a\\x0A<3>forged\\x1B[2J \\x0A");
  EXPECT_EQ(record.fields, (Fields{{"READER", "b\\x0Dc\\x7F"}}));
  EXPECT_EQ(record.level, Level::error);
  EXPECT_EQ(record.event, Event::reader_fault);
}

TEST(Log, WritesAlwaysWhatWasAskedFor) {
  set_sink([](const Record& record) { g_last = record.text; }, Level::critical);
  write_always({Level::info, "asked for", {}});
  EXPECT_EQ(g_last, "asked for");
  set_sink(nullptr, Level::info);
  write_always({Level::critical, "nobody listens", {}});
  EXPECT_EQ(g_last, "asked for");
  g_last.clear();
}

TEST(Log, WritesOnlyFromTheLeastLevelOn) {
  set_sink([](const Record& record) { g_last = record.text; }, Level::warning);
  write(Level::info, "quiet");
  EXPECT_EQ(g_last, "");
  write(Level::error, "loud");
  EXPECT_EQ(g_last, "loud");
  set_sink(nullptr, Level::info);
  write(Level::critical, "nobody listens");
  EXPECT_EQ(g_last, "loud");
}

}  // namespace
}  // namespace cardea::log
