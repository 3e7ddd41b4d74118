#include "drivers/ccid/ccid_device.hpp"

#include <gtest/gtest.h>

#include <future>

#include "tests/unit/drivers/ccid/fake_reader.hpp"

namespace cardea::ccid {
namespace {

constexpr int kLongMs = 60'000;  // not waited for unless the driver is wrong
constexpr int kShortMs = 30;

struct Bench {
  explicit Bench(const DescriptorFields& fields = {})
      : fake(fields), device(fake, usb_interface(fields).descriptor, /*log_traffic=*/true) {}

  IfdResult<Answer> status(std::uint8_t slot = 0, int timeout_ms = kLongMs) {
    return device.exchange({Command::get_slot_status, slot, {}, {}}, timeout_ms);
  }

  FakeReader fake;
  CcidDevice device;
};

TEST(CcidDevice, NumbersItsCommands) {
  Bench bench;
  for (unsigned i = 0; i < 300; ++i) {
    const IfdResult<Answer> answer = bench.status();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->sequence, low_byte(i));
    EXPECT_EQ(answer->icc(), IccStatus::absent);
  }
}

TEST(CcidDevice, SkipsAnswersToEarlierCommands) {
  Bench bench;
  bench.fake.set_trouble({.stale_answers = 10});
  const IfdResult<Answer> answer = bench.status();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->sequence, 0);
}

TEST(CcidDevice, DoesNotSkipForEver) {
  Bench bench;
  bench.fake.set_trouble({.stale_answers = 11});
  EXPECT_EQ(bench.status().error(), IFD_COMMUNICATION_ERROR);
  // What is left of them does not disturb the next command.
  bench.fake.set_trouble({});
  EXPECT_TRUE(bench.status().has_value());
}

TEST(CcidDevice, WaitsLongerWhereTheReaderAsksForTime) {
  Bench bench;
  bench.fake.insert(0, {0x3B, 0x00}, [](ByteView) { return Bytes{0x90, 0x00}; });
  bench.fake.set_trouble({.time_extensions = 5});
  const IfdResult<Answer> answer = bench.device.exchange({Command::power_on, 0, {}, {}}, kLongMs);
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->asks_for_time());
  EXPECT_EQ(answer->data, (Bytes{0x3B, 0x00}));
}

TEST(CcidDevice, ExtendsTheTimeByTheReadersFactor) {
  Bench bench;
  bench.fake.hold(0);
  bench.fake.set_trouble({.time_extensions = 1});
  // The extension is not held back: three times 30 ms from then on.
  const TimePoint start = Clock::now();
  EXPECT_EQ(bench.status(0, kShortMs).error(), IFD_RESPONSE_TIMEOUT);
  EXPECT_GE(Clock::now() - start, milliseconds(3 * kShortMs));
}

TEST(CcidDevice, CancelsACommandThatIsNotAnswered) {
  Bench bench;
  bench.fake.set_trouble({.silent_commands = 1});
  EXPECT_EQ(bench.status(0, kShortMs).error(), IFD_RESPONSE_TIMEOUT);
  EXPECT_EQ(bench.fake.aborts(), 1U);
  EXPECT_TRUE(bench.status().has_value());
}

TEST(CcidDevice, LivesWithAReaderThatCannotCancel) {
  Bench bench;
  bench.fake.set_trouble({.silent_commands = 1, .ignores_abort = true});
  EXPECT_EQ(bench.status(0, kShortMs).error(), IFD_RESPONSE_TIMEOUT);
  EXPECT_EQ(bench.fake.aborts(), 0U);
  EXPECT_TRUE(bench.status().has_value());
}

TEST(CcidDevice, FailsAtOnceOnADamagedAnswer) {
  Bench bench;
  bench.fake.set_trouble({.damaged_answer = true});
  EXPECT_EQ(bench.status().error(), IFD_COMMUNICATION_ERROR);
  EXPECT_TRUE(bench.status().has_value());
}

TEST(CcidDevice, TakesAnswersLongerThanTheReaderSaid) {
  Bench bench;
  bench.fake.insert(0, Bytes(60'000, 0x3B), {});
  const IfdResult<Answer> answer = bench.device.exchange({Command::power_on, 0, {}, {}}, kLongMs);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->data.size(), 60'000U);
}

TEST(CcidDevice, ReportsAPipeThatDoesNotWork) {
  Bench bench;
  bench.fake.set_trouble({.fails_reads = true});
  EXPECT_EQ(bench.status().error(), IFD_COMMUNICATION_ERROR);
  EXPECT_TRUE(bench.status().has_value());
}

TEST(CcidDevice, EndsARunningExchangeWhenTheDeviceIsUnplugged) {
  Bench bench;
  bench.fake.hold(0);
  std::future<IfdResult<Answer>> running =
      std::async(std::launch::async, [&bench] { return bench.status(); });
  bench.fake.wait_until_seen(1);
  bench.fake.unplug();
  EXPECT_EQ(running.get().error(), IFD_NO_SUCH_DEVICE);
  EXPECT_TRUE(bench.device.gone());
  EXPECT_EQ(bench.status().error(), IFD_NO_SUCH_DEVICE);
}

TEST(CcidDevice, FailsAllWhenTheHostSawTheDeviceLeave) {
  Bench bench;
  bench.device.set_gone();
  EXPECT_EQ(bench.status().error(), IFD_NO_SUCH_DEVICE);
  EXPECT_TRUE(bench.fake.seen().empty());
}

TEST(CcidDevice, ServesSlotsSideBySideIfTheReaderCan) {
  Bench bench({.slots = 2, .busy_slots = 2});
  bench.fake.hold(0);
  std::future<IfdResult<Answer>> slow =
      std::async(std::launch::async, [&bench] { return bench.status(0); });
  bench.fake.wait_until_seen(1);
  // Slot 0's thread reads this answer for slot 1's.
  const IfdResult<Answer> fast = bench.status(1);
  ASSERT_TRUE(fast.has_value());
  EXPECT_EQ(fast->slot, 1);
  bench.fake.release(0);
  const IfdResult<Answer> answer = slow.get();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->slot, 0);
}

TEST(CcidDevice, ServesOneSlotAfterTheOtherIfItCannot) {
  Bench bench({.slots = 2, .busy_slots = 1});
  bench.fake.hold(0);
  std::future<IfdResult<Answer>> first =
      std::async(std::launch::async, [&bench] { return bench.status(0); });
  bench.fake.wait_until_seen(1);
  std::future<IfdResult<Answer>> second =
      std::async(std::launch::async, [&bench] { return bench.status(1); });
  EXPECT_EQ(second.wait_for(milliseconds(kShortMs)), std::future_status::timeout);
  EXPECT_EQ(bench.fake.seen().size(), 1U);
  bench.fake.release(0);
  EXPECT_TRUE(first.get().has_value());
  EXPECT_TRUE(second.get().has_value());
}

TEST(CcidDevice, RefusesASlotThatDoesNotExist) {
  Bench bench;
  EXPECT_FALSE(bench.status(1).has_value());
  EXPECT_TRUE(bench.fake.seen().empty());
}

}  // namespace
}  // namespace cardea::ccid
