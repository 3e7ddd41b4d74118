#include "drivers/logging_driver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "tests/fakes/scripted_driver.hpp"
#include "tests/unit/drivers/test_support.hpp"

namespace cardea {
namespace {

using testing::ElementsAre;

class LoggingDriverTest : public testing::Test {
 protected:
  LoggingDriverTest() {
    script_->insert_card();
    AtrBytes atr;
    EXPECT_EQ(driver_.power(PowerAction::up, atr), IfdRv::success);
  }

  IfdRv transmit(std::span<const std::byte> command) {
    std::size_t received = 0;
    IfdPci pci;
    return driver_.transmit({1, 16}, command, response_, received, pci);
  }
  static std::vector<std::string> texts(const test::LogCapture& capture) {
    std::vector<std::string> found;
    for (const log::Record& record : capture.records()) found.push_back(record.text);
    return found;
  }

  const std::shared_ptr<DriverScript> script_ = std::make_shared<DriverScript>();
  LoggingDriver driver_{std::make_unique<ScriptedDriver>(script_), "Reader 00 00"};
  std::vector<std::byte> response_ = std::vector<std::byte>(65'548);
};

TEST_F(LoggingDriverTest, ShowsCommandAndAnswerAtAnyLevel) {
  const test::LogCapture capture(log::Level::critical);
  script_->queue_response(DriverCall::transmit, {0x48, 0x69, 0x90, 0x00});
  const std::array command{std::byte{0x00}, std::byte{0xA4}, std::byte{0x04}};
  EXPECT_EQ(transmit(command), IfdRv::success);
  EXPECT_THAT(texts(capture), ElementsAre("APDU: 00 A4 04", "SW: 48 69 90 00"));
  for (const log::Record& record : capture.records()) {
    EXPECT_EQ(record.level, log::Level::info);
    EXPECT_EQ(record.fields, (log::Fields{{"READER", "Reader 00 00"}}));
  }
}

TEST_F(LoggingDriverTest, MasksPinsAtEveryLevel) {
  for (const log::Level level : {log::Level::debug, log::Level::critical}) {
    const test::LogCapture capture(level);
    script_->queue_response(DriverCall::transmit, {0x31, 0x32, 0x33, 0x34, 0x90, 0x00});
    const auto command = std::to_array<unsigned char>({0, 0x20, 0, 0x81, 4, 0x31, 50, 51, 52, 0});
    EXPECT_EQ(transmit(std::as_bytes(std::span(command))), IfdRv::success);
    EXPECT_THAT(texts(capture),
                ElementsAre("APDU: 00 20 00 81 04 ** ** ** ** 00", "SW: ** ** ** ** 90 00"));
  }
}

TEST_F(LoggingDriverTest, ShowsHowAPinFared) {
  const test::LogCapture capture;
  script_->queue_response(DriverCall::transmit, {0x63, 0xC2});
  const auto command = std::to_array<unsigned char>({0, 0x24, 0, 1, 2, 0x31, 0x32});
  EXPECT_EQ(transmit(std::as_bytes(std::span(command))), IfdRv::success);
  EXPECT_THAT(texts(capture), ElementsAre("APDU: 00 24 00 01 02 ** **", "SW: 63 C2"));
}

TEST_F(LoggingDriverTest, SaysNothingOfCommandsToTheReader) {
  const test::LogCapture capture;
  const std::array<std::byte, 9> block{};
  std::size_t length = 0;
  driver_.control(0x42000D48, block, response_, length);
  EXPECT_TRUE(capture.records().empty());
}

TEST_F(LoggingDriverTest, ShowsNoAnswerWhereThereIsNone) {
  const test::LogCapture capture;
  script_->queue_result(DriverCall::transmit, IfdRv::communication_error);
  EXPECT_EQ(transmit({}), IfdRv::communication_error);
  EXPECT_THAT(texts(capture), ElementsAre("APDU: "));
}

TEST_F(LoggingDriverTest, ShowsTheBeginningOfLongOnes) {
  const test::LogCapture capture;
  const std::vector<std::byte> command(LoggingDriver::kShownBytesMax + 1);
  EXPECT_EQ(transmit(command), IfdRv::success);
  const std::string text = texts(capture).front();
  EXPECT_EQ(text.size(), 6 + 3 * LoggingDriver::kShownBytesMax - 1 + 17);
  EXPECT_TRUE(text.ends_with("00 ... (4097 bytes)"));
}

TEST_F(LoggingDriverTest, PassesAllCallsOn) {
  const auto before = script_->calls().size();
  std::array<std::byte, 4> room{};
  std::size_t length = 0;
  AtrBytes atr;
  driver_.presence();
  driver_.power(PowerAction::reset, atr);
  driver_.set_protocol(2);
  driver_.control(0x42000D48, {}, room, length);
  driver_.get_capability(0x0FAE, room, length);
  driver_.set_capability(0x0FB4, std::span(room).first(1));
  EXPECT_TRUE(driver_.stop_waiting());
  driver_.wait_event(milliseconds(7));
  auto calls = script_->calls();
  calls.erase(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(before));
  EXPECT_THAT(calls, ElementsAre("presence", "power reset", "set_protocol 2", "control 42000D48 ",
                                 "get_capability 0FAE", "set_capability 0FB4 00", "stop_waiting",
                                 "wait_event 7"));
  EXPECT_EQ(atr.length, DriverScript::kAtrT01.size());
}

TEST_F(LoggingDriverTest, CanWhatItsDriverCan) {
  for (const bool yes : {true, false}) {
    const LoggingDriver driver(
        std::make_unique<ScriptedDriver>(script_, ScriptedDriverOptions{yes, yes, yes}), "R");
    EXPECT_EQ(driver.has_wait_event(), yes);
    EXPECT_EQ(driver.can_stop_waiting(), yes);
    EXPECT_EQ(driver.is_version_2(), yes);
  }
}

}  // namespace
}  // namespace cardea
