#include "daemon/reader/presence_monitor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "tests/fakes/scripted_driver.hpp"

namespace cardea {
namespace {

class PresenceMonitorTest : public testing::Test {
 protected:
  std::shared_ptr<DriverScript> script = std::make_shared<DriverScript>();
};

TEST_F(PresenceMonitorTest, PassesOnEveryMovement) {
  ScriptedDriver driver(script);
  std::promise<void> seen;
  std::atomic<int> count{0};
  PresenceMonitor monitor(driver, [&] {
    if (++count == 2) seen.set_value();
  });
  ASSERT_TRUE(monitor.start());
  script->insert_card();
  ASSERT_TRUE(script->wait_until_called("wait_event 600000", 2));
  script->remove_card();
  seen.get_future().wait();
  monitor.stop();
  EXPECT_EQ(count, 2) << "the stop is no movement";
}

TEST_F(PresenceMonitorTest, WaitsShortlyForADriverThatCannotBeStopped) {
  ScriptedDriverOptions options;
  options.can_stop_waiting = false;
  ScriptedDriver driver(script, options);
  PresenceMonitor monitor(driver, [] {});
  ASSERT_TRUE(monitor.start());
  ASSERT_TRUE(script->wait_until_called("wait_event 1000"));
  std::thread stopper([&] { monitor.stop(); });
  ASSERT_TRUE(script->wait_until_called("stop_waiting"));
  script->signal_event();  // its second is over
  stopper.join();
}

TEST_F(PresenceMonitorTest, StopsWhileItPausesAfterAnError) {
  ScriptedDriver driver(script);
  std::atomic<int> count{0};
  PresenceMonitor monitor(driver, [&count] { ++count; });
  script->queue_result(DriverCall::wait_event, IfdRv::communication_error);
  ASSERT_TRUE(monitor.start());
  ASSERT_TRUE(script->wait_until_called("wait_event 600000"));
  monitor.stop();
  EXPECT_EQ(count, 0);
  monitor.stop();  // a second time does no harm
}

TEST_F(PresenceMonitorTest, LetsTheWaitForADeviceThatIsGoneEndByItself) {
  ScriptedDriver driver(script);
  PresenceMonitor monitor(driver, [] {});
  ASSERT_TRUE(monitor.start());
  ASSERT_TRUE(script->wait_until_called("wait_event 600000"));
  auto stopped = std::async(std::launch::async, [&] { monitor.stop(/*device_gone=*/true); });
  // One that comes before the stop ends a wait that is followed by another.
  while (stopped.wait_for(milliseconds(1)) != std::future_status::ready) script->signal_event();
  EXPECT_THAT(script->calls(), testing::Not(testing::Contains("stop_waiting")));
}

TEST_F(PresenceMonitorTest, StopsTheWaitForADeviceThatIsGoneIfItDoesNotEnd) {
  ScriptedDriver driver(script);
  PresenceMonitor monitor(driver, [] {});
  ASSERT_TRUE(monitor.start());
  ASSERT_TRUE(script->wait_until_called("wait_event 600000"));
  monitor.stop(/*device_gone=*/true);
  EXPECT_THAT(script->calls(), testing::Contains("stop_waiting"));
}

TEST_F(PresenceMonitorTest, StopsAtAnyMoment) {
  for (int round = 0; round < 300; ++round) {
    ScriptedDriver driver(script);
    PresenceMonitor monitor(driver, [] {});
    ASSERT_TRUE(monitor.start());
    if (round % 2 == 0) script->signal_event();
    monitor.stop();
  }
}

/// A driver whose stop function ends a wait that runs, and nothing else, as handlers may do.
class ForgetfulDriver final : public IfdDriver {
 public:
  IfdRv presence() override { return IfdRv::icc_not_present; }
  IfdRv power(PowerAction, AtrBytes&) override { return IfdRv::not_supported; }
  IfdRv set_protocol(std::uint32_t) override { return IfdRv::not_supported; }
  IfdRv transmit(IfdPci, std::span<const std::byte>, std::span<std::byte>, std::size_t&,
                 IfdPci&) override {
    return IfdRv::not_supported;
  }
  IfdRv control(std::uint32_t, std::span<const std::byte>, std::span<std::byte>,
                std::size_t&) override {
    return IfdRv::not_supported;
  }
  IfdRv get_capability(std::uint32_t, std::span<std::byte>, std::size_t&) override {
    return IfdRv::tag;
  }
  IfdRv set_capability(std::uint32_t, std::span<const std::byte>) override { return IfdRv::tag; }
  [[nodiscard]] bool has_wait_event() const override { return true; }
  [[nodiscard]] bool can_stop_waiting() const override { return true; }
  [[nodiscard]] bool is_version_2() const override { return false; }

  IfdRv wait_event(milliseconds) override {
    MutexLock lock(mutex_);
    waiting_ = true;
    changed_.notify_all();
    while (waiting_) changed_.wait(mutex_);
    return IfdRv::success;
  }
  void await_wait() {
    MutexLock lock(mutex_);
    while (!waiting_) changed_.wait(mutex_);
  }
  bool stop_waiting() override {
    MutexLock lock(mutex_);
    ++stops_;
    // The first stop comes, for this driver, a moment before the wait begins.
    if (stops_ > 1) waiting_ = false;
    changed_.notify_all();
    return true;
  }
  int stops() {
    MutexLock lock(mutex_);
    return stops_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int stops_ GUARDED_BY(mutex_) = 0;
  bool waiting_ GUARDED_BY(mutex_) = false;
};

TEST_F(PresenceMonitorTest, AsksAgainWhenAStopCameTooEarly) {
  ForgetfulDriver driver;
  PresenceMonitor monitor(driver, [] {});
  ASSERT_TRUE(monitor.start());
  driver.await_wait();
  monitor.stop();
  EXPECT_GE(driver.stops(), 2);
}

}  // namespace
}  // namespace cardea
