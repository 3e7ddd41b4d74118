#include "tests/fakes/scripted_driver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace cardea {
namespace {

using testing::ElementsAre;

class ScriptedDriverTest : public testing::Test {
 protected:
  std::shared_ptr<DriverScript> script = std::make_shared<DriverScript>();
  std::unique_ptr<ScriptedDriver> driver = std::make_unique<ScriptedDriver>(script);
  std::array<std::byte, 8> buffer{};
  std::size_t length = 0;
  IfdPci pci;
  AtrBytes atr;
};

TEST_F(ScriptedDriverTest, PlaysACardThatComesAndGoes) {
  EXPECT_EQ(driver->presence(), IfdRv::icc_not_present);
  EXPECT_EQ(driver->power(PowerAction::up, atr), IfdRv::communication_error);
  script->insert_card(DriverScript::kAtrT1);
  EXPECT_EQ(driver->presence(), IfdRv::icc_present);
  EXPECT_EQ(driver->transmit({1, 16}, buffer, buffer, length, pci), IfdRv::communication_error);
  EXPECT_EQ(driver->power(PowerAction::up, atr), IfdRv::success);
  EXPECT_EQ(atr.length, DriverScript::kAtrT1.size());
  EXPECT_EQ(driver->set_protocol(2), IfdRv::success);
  EXPECT_EQ(driver->transmit({1, 16}, buffer, buffer, length, pci), IfdRv::success);
  EXPECT_EQ(length, 2u);
  script->remove_card();
  EXPECT_EQ(driver->transmit({1, 16}, buffer, buffer, length, pci), IfdRv::icc_not_present);
  EXPECT_EQ(length, 0u);
  script->insert_mute_card();
  EXPECT_EQ(driver->presence(), IfdRv::icc_present);
  EXPECT_EQ(driver->power(PowerAction::up, atr), IfdRv::power_action);
}

TEST_F(ScriptedDriverTest, FollowsItsQueuesBeforeItsNature) {
  script->queue_result(DriverCall::presence, IfdRv::communication_error);
  EXPECT_EQ(driver->presence(), IfdRv::communication_error);
  EXPECT_EQ(driver->presence(), IfdRv::icc_not_present);
  script->queue_response(DriverCall::control, {1, 2, 3});
  EXPECT_EQ(driver->control(1, {}, buffer, length), IfdRv::success);
  EXPECT_EQ(length, 3u);
  EXPECT_EQ(driver->control(1, {}, buffer, length), IfdRv::error_not_supported);
  script->set_capability_value(0xFAE, {2});
  EXPECT_EQ(driver->get_capability(0xFAE, buffer, length), IfdRv::success);
  EXPECT_EQ(buffer[0], std::byte{2});
  EXPECT_EQ(driver->get_capability(0xFAF, buffer, length), IfdRv::tag);
}

TEST_F(ScriptedDriverTest, RecordsItsCallsAndOutlivesItsDriver) {
  (void)driver->control(0x42000D48, std::span(buffer).first(2), buffer, length);
  (void)driver->set_capability(0xFB4, std::span(buffer).first(1));
  (void)driver->get_capability(0xFAE, buffer, length);
  driver.reset();
  EXPECT_THAT(script->calls(), ElementsAre("control 42000D48 0000", "set_capability 0FB4 00",
                                           "get_capability 0FAE", "close"));
}

TEST_F(ScriptedDriverTest, HoldsACallUntilTheTestReleasesIt) {
  script->hold(DriverCall::presence);
  IfdRv rv = IfdRv::tag;
  std::thread caller([&] { rv = driver->presence(); });
  ASSERT_TRUE(script->wait_until_held(DriverCall::presence));
  script->insert_card();
  script->release(DriverCall::presence);
  caller.join();
  EXPECT_EQ(rv, IfdRv::icc_present) << "it answers what holds when it is released";
}

TEST_F(ScriptedDriverTest, EndsAWaitByAMovementOrAStop) {
  std::thread mover([&] {
    ASSERT_TRUE(script->wait_until_called("wait_event 600000"));
    script->insert_card();
    ASSERT_TRUE(script->wait_until_called("wait_event 5000"));
    EXPECT_TRUE(driver->stop_waiting());
  });
  EXPECT_EQ(driver->wait_event(milliseconds(600000)), IfdRv::success);
  EXPECT_EQ(driver->wait_event(milliseconds(5000)), IfdRv::success);
  mover.join();
  script->queue_result(DriverCall::wait_event, IfdRv::response_timeout);
  EXPECT_EQ(driver->wait_event(milliseconds(1)), IfdRv::response_timeout);
}

TEST_F(ScriptedDriverTest, CannotStopAWaitIfToldSo) {
  ScriptedDriver deaf(script, {.has_wait_event = true, .can_stop_waiting = false});
  EXPECT_FALSE(deaf.stop_waiting());
  script->signal_event();
  EXPECT_EQ(deaf.wait_event(milliseconds(1)), IfdRv::success);
}

}  // namespace
}  // namespace cardea
