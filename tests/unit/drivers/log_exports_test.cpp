// What drivers log through log_msg and log_xxd, as it arrives in the daemon's log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "drivers/in_process_driver.hpp"
#include "drivers/log_exports.hpp"
#include "include/PCSC/debuglog.h"
#include "tests/unit/drivers/test_handlers.hpp"
#include "tests/unit/drivers/test_support.hpp"

namespace cardea {
namespace {

using testing::EndsWith;

/// The only line written; fails if there is another number of them.
log::Record only_record(const test::LogCapture& capture) {
  const auto records = capture.records();
  EXPECT_EQ(records.size(), 1u);
  return records.empty() ? log::Record{} : records.front();
}

TEST(LogExports, MapPrioritiesToLevels) {
  const test::LogCapture capture;
  log_msg(PCSC_LOG_DEBUG, "a");
  log_msg(PCSC_LOG_INFO, "b");
  log_msg(PCSC_LOG_ERROR, "c");
  log_msg(PCSC_LOG_CRITICAL, "d");
  log_msg(99, "e");
  std::vector<log::Level> levels;
  for (const auto& record : capture.records()) levels.push_back(record.level);
  EXPECT_THAT(levels, testing::ElementsAre(log::Level::debug, log::Level::debug, log::Level::error,
                                           log::Level::critical, log::Level::error));
}

TEST(LogExports, FormatAndEscapeAMessage) {
  const test::LogCapture capture;
  log_msg(PCSC_LOG_INFO, "%s:%d two\nlines", "ifdhandler.c", 12);
  EXPECT_EQ(only_record(capture).text, "ifdhandler.c:12 two\\x0Alines");
}

TEST(LogExports, CutAMessageWithoutEnd) {
  const test::LogCapture capture;
  const std::string endless(100000, 'x');
  log_msg(PCSC_LOG_INFO, "%s", endless.c_str());
  EXPECT_LT(only_record(capture).text.size(), 300u);
}

/// As --unmasked-driver-dumps, for one test.
struct WithDumps {
  WithDumps() { set_driver_dumps(true); }
  ~WithDumps() { set_driver_dumps(false); }
};

TEST(LogExports, ShowTheNumberOfBytesOnly) {
  const test::LogCapture capture;
  const unsigned char bytes[] = {0x00, 0x20, 0x00, 0x81, 0x04, 0x31, 0x32, 0x33, 0x34};
  log_xxd(PCSC_LOG_CRITICAL, "-> ", bytes, sizeof bytes);
  EXPECT_EQ(only_record(capture).text, "-> (9 bytes, not shown)");
}

TEST(LogExports, HideBytesThatAreText) {
  const test::LogCapture capture;
  log_msg(PCSC_LOG_DEBUG, "sending %s", "00 20 00 81 04 31 32 33 34");
  log_xxd(PCSC_LOG_DEBUG, "31 32 33 34: ", nullptr, 0);
  std::string all;
  for (const auto& record : capture.records()) all += record.text + "\n";
  EXPECT_EQ(all, "sending (9 bytes, not shown)\n(4 bytes, not shown): \n");
}

TEST(LogExports, DumpBytesInHexadecimalIfAsked) {
  const WithDumps asked;
  const test::LogCapture capture;
  const unsigned char bytes[] = {0x00, 0xA4, 0x0F};
  log_xxd(PCSC_LOG_DEBUG, "-> ", bytes, 3);
  EXPECT_EQ(only_record(capture).text, "-> 00 A4 0F");
}

TEST(LogExports, CutALongDumpAndSayHowLongItWas) {
  const WithDumps asked;
  const test::LogCapture capture;
  const std::vector<unsigned char> bytes(65548, 0xAB);
  log_xxd(PCSC_LOG_DEBUG, "", bytes.data(), static_cast<int>(bytes.size()));
  EXPECT_LT(only_record(capture).text.size(), 1600u);
  EXPECT_THAT(only_record(capture).text, EndsWith("AB ... (65548 bytes)"));
}

TEST(LogExports, IgnoreWhatMakesNoSense) {
  const test::LogCapture capture;
  const unsigned char byte = 1;
  log_xxd(PCSC_LOG_ERROR, "negative", &byte, -1);
  void (*const unchecked_log_msg)(int, const char*, ...) = log_msg;
  unchecked_log_msg(PCSC_LOG_ERROR, nullptr);
  EXPECT_TRUE(capture.records().empty());
  log_xxd(PCSC_LOG_ERROR, nullptr, nullptr, 5);
  EXPECT_EQ(only_record(capture).text, "");
}

TEST(LogExports, AreSilentBelowTheLevel) {
  const test::LogCapture capture(log::Level::error);
  log_msg(PCSC_LOG_INFO, "not wanted");
  EXPECT_TRUE(capture.records().empty());
}

TEST(LogExports, ServeAHandlerThatWasLoaded) {
  const test::LogCapture capture;
  const auto library = test::load_handler("handler_3");
  const auto driver = InProcessDriver::create(library, 0, "a device", 0);
  EXPECT_TRUE(driver.has_value());
  EXPECT_EQ(only_record(capture).text, "opened a device");
}

}  // namespace
}  // namespace cardea
