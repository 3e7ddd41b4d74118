#include "drivers/ccid/slot_change_monitor.hpp"

#include <gtest/gtest.h>

#include <future>

#include "tests/unit/drivers/ccid/fake_reader.hpp"

namespace cardea::ccid {
namespace {

constexpr milliseconds kLong{60'000};
constexpr milliseconds kShort{20};

class SlotChangeMonitorTest : public testing::Test {
 protected:
  std::future<RESPONSECODE> wait(unsigned slot) {
    return std::async(std::launch::async, [this, slot] { return monitor_.wait(slot, kLong); });
  }
  static bool is_waiting(const std::future<RESPONSECODE>& wait) {
    return wait.wait_for(kShort) == std::future_status::timeout;
  }

  FakeReader fake_{DescriptorFields{.slots = 6}};
  SlotChangeMonitor monitor_{fake_, 6};
};

TEST_F(SlotChangeMonitorTest, EndsWhenTheTimeIsOver) {
  EXPECT_EQ(monitor_.wait(0, milliseconds(0)), IFD_SUCCESS);
  EXPECT_EQ(monitor_.wait(0, kShort), IFD_SUCCESS);
}

TEST_F(SlotChangeMonitorTest, WakesTheSlotWhoseCardMoved) {
  std::future<RESPONSECODE> first = wait(1);
  fake_.wait_until_reading_interrupt();
  std::future<RESPONSECODE> second = wait(5);
  // The first thread reads the message for the second one.
  fake_.insert(5, {0x3B, 0x00}, {});
  EXPECT_EQ(second.get(), IFD_SUCCESS);
  EXPECT_TRUE(is_waiting(first));
  fake_.insert(1, {0x3B, 0x00}, {});
  EXPECT_EQ(first.get(), IFD_SUCCESS);
}

TEST_F(SlotChangeMonitorTest, HandsReadingOnToTheNextThread) {
  std::future<RESPONSECODE> first = wait(0);
  fake_.wait_until_reading_interrupt();
  std::future<RESPONSECODE> second = wait(3);
  monitor_.wake(0);
  EXPECT_EQ(first.get(), IFD_SUCCESS);
  fake_.remove(3);
  EXPECT_EQ(second.get(), IFD_SUCCESS);
}

TEST_F(SlotChangeMonitorTest, RemembersAMovementNobodyWaitedFor) {
  fake_.insert(2, {0x3B, 0x00}, {});
  EXPECT_EQ(monitor_.wait(0, kShort), IFD_SUCCESS);  // reads it, on the way
  EXPECT_EQ(monitor_.wait(2, kLong), IFD_SUCCESS);
}

TEST_F(SlotChangeMonitorTest, EndsTheNextWaitIfWokenBefore) {
  monitor_.wake(4);
  EXPECT_EQ(monitor_.wait(4, kLong), IFD_SUCCESS);
  std::future<RESPONSECODE> again = wait(4);
  fake_.wait_until_reading_interrupt();
  EXPECT_TRUE(is_waiting(again));
  monitor_.wake(4);
  EXPECT_EQ(again.get(), IFD_SUCCESS);
}

TEST_F(SlotChangeMonitorTest, WakesAllForAMessageThatNamesNoSlot) {
  std::future<RESPONSECODE> first = wait(0);
  std::future<RESPONSECODE> second = wait(5);
  fake_.notify({0x50, 0x00, 0x00});
  EXPECT_EQ(first.get(), IFD_SUCCESS);
  EXPECT_EQ(second.get(), IFD_SUCCESS);
}

TEST_F(SlotChangeMonitorTest, IgnoresOtherMessages) {
  std::future<RESPONSECODE> waiting = wait(0);
  fake_.notify({0x51, 0x00, 0x01, 0x01});  // a hardware error
  fake_.notify({0x77});
  EXPECT_TRUE(is_waiting(waiting));
  monitor_.wake(0);
  EXPECT_EQ(waiting.get(), IFD_SUCCESS);
}

TEST_F(SlotChangeMonitorTest, ReportsAnEndpointThatDoesNotWork) {
  fake_.notify({});  // the model's failing transfer
  EXPECT_EQ(monitor_.wait(0, kLong), IFD_COMMUNICATION_ERROR);
}

TEST_F(SlotChangeMonitorTest, EndsForGoodWhenTheDeviceIsGone) {
  std::future<RESPONSECODE> first = wait(0);
  fake_.wait_until_reading_interrupt();
  std::future<RESPONSECODE> second = wait(1);
  fake_.unplug();
  EXPECT_EQ(first.get(), IFD_NO_SUCH_DEVICE);
  EXPECT_EQ(second.get(), IFD_NO_SUCH_DEVICE);
  EXPECT_EQ(monitor_.wait(0, kLong), IFD_NO_SUCH_DEVICE);
}

TEST_F(SlotChangeMonitorTest, EndsWhenTheHostSawTheDeviceLeave) {
  std::future<RESPONSECODE> waiting = wait(0);
  fake_.wait_until_reading_interrupt();
  monitor_.set_gone();
  EXPECT_EQ(waiting.get(), IFD_NO_SUCH_DEVICE);
}

}  // namespace
}  // namespace cardea::ccid
