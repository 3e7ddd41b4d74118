#include "drivers/in_process_driver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "drivers/ifd_queries.hpp"
#include "include/PCSC/ifdhandler.h"
#include "tests/unit/drivers/test_handlers.hpp"
#include "tests/unit/drivers/test_support.hpp"

namespace cardea {
namespace {

using test::handler_calls;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint32_t kLun = 0x10002;

std::unique_ptr<InProcessDriver> open_driver(std::shared_ptr<const IfdLibrary> library,
                                             const std::string& device = "device",
                                             std::uint32_t channel = 0) {
  auto driver = InProcessDriver::create(std::move(library), kLun, device, channel);
  EXPECT_TRUE(driver.has_value()) << driver.error().context;
  return driver ? std::move(*driver) : nullptr;
}

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

TEST(InProcessDriver, OpensVersion3ByNameAndClosesOnce) {
  const auto library = test::load_handler("handler_3");
  open_driver(library).reset();
  EXPECT_THAT(handler_calls(*library),
              ElementsAre("open_by_name 10002 device", "get 10002 fb3 room=8",
                          "get 10002 fb2 room=8", "close 10002"));
}

TEST(InProcessDriver, OpensByChannelWithoutANameOrInVersion2) {
  const auto v3 = test::load_handler("handler_3");
  open_driver(v3, "", 0x200001).reset();
  EXPECT_EQ(handler_calls(*v3).front(), "open 10002 200001");

  const auto v2 = test::load_handler("handler_2");
  const auto driver = open_driver(v2, "/dev/null", 3);
  EXPECT_TRUE(driver->is_version_2());
  EXPECT_EQ(handler_calls(*v2).front(), "open 10002 3");
}

TEST(InProcessDriver, TellsNoSuchDeviceFromOtherFailuresAndClosesNeither) {
  const auto library = test::load_handler("handler_3");
  const auto gone = InProcessDriver::create(library, kLun, "gone", 0);
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().rv, ScardRv::unknown_reader);
  const auto broken = InProcessDriver::create(library, kLun, "broken", 0);
  ASSERT_FALSE(broken.has_value());
  EXPECT_EQ(broken.error().rv, ScardRv::invalid_target);
  EXPECT_THAT(broken.error().context, HasSubstr("IFD_COMMUNICATION_ERROR"));
  EXPECT_THAT(handler_calls(*library),
              ElementsAre("open_by_name 10002 gone", "open_by_name 10002 broken"));
}

TEST(InProcessDriver, PowersWithThirtyThreeBytesOfRoom) {
  const auto library = test::load_handler("handler_3");
  const auto driver = open_driver(library);
  (void)handler_calls(*library);
  AtrBytes atr;
  EXPECT_EQ(driver->power(PowerAction::up, atr), IfdRv::success);
  EXPECT_THAT(std::vector(atr.view().begin(), atr.view().end()),
              ElementsAre(0x3B, 0x80, 0x01, 0x81));
  EXPECT_EQ(driver->power(PowerAction::down, atr), IfdRv::success);
  EXPECT_EQ(atr.length, 0u);
  EXPECT_EQ(driver->power(PowerAction::reset, atr), IfdRv::success);
  EXPECT_EQ(atr.length, 4u);
  EXPECT_THAT(
      handler_calls(*library),
      ElementsAre("power 10002 500 room=33", "power 10002 501 room=33", "power 10002 502 room=33"));
}

TEST(InProcessDriver, CutsAnAtrThatIsTooLongAndDropsThatOfAFailure) {
  const auto driver = open_driver(test::load_handler("handler_lying"));
  AtrBytes atr;
  EXPECT_EQ(driver->power(PowerAction::up, atr), IfdRv::success);
  EXPECT_EQ(atr.length, 33u);
  EXPECT_EQ(driver->power(PowerAction::reset, atr), IfdRv::power_action);
  EXPECT_EQ(atr.length, 0u);
  EXPECT_EQ(atr.bytes[0], 0);
}

TEST(InProcessDriver, SetsTheProtocolWithoutFlags) {
  const auto library = test::load_handler("handler_3");
  const auto driver = open_driver(library);
  (void)handler_calls(*library);
  EXPECT_EQ(driver->set_protocol(2), IfdRv::success);
  EXPECT_THAT(handler_calls(*library), ElementsAre("protocol 10002 2 0 0 0 0"));
}

TEST(InProcessDriver, CannotNegotiateWithoutTheFunctionForIt) {
  const auto driver = open_driver(test::load_handler("handler_without_set_protocol"));
  EXPECT_EQ(driver->set_protocol(1), IfdRv::pts_failure);
}

TEST(InProcessDriver, PassesAllPartsOfATransmit) {
  const auto library = test::load_handler("handler_3");
  const auto driver = open_driver(library);
  (void)handler_calls(*library);
  const auto command = bytes({0xA4, 1, 2});
  std::vector<std::byte> response(kIfdResponseBytes);
  std::size_t received = 0;
  IfdPci recv_pci{2, 17};
  EXPECT_EQ(driver->transmit({1, 16}, command, response, received, recv_pci), IfdRv::success);
  EXPECT_EQ(received, 2u);
  EXPECT_EQ(response[0], std::byte{0x90});
  EXPECT_EQ(recv_pci.protocol, 7u);
  EXPECT_EQ(recv_pci.length, 17u);
  EXPECT_THAT(handler_calls(*library),
              ElementsAre("transmit 10002 pci=1,16 tx=3 first=a4 room=65548 recv=2,17"));
}

TEST(InProcessDriver, ReportsNoBytesForAFailedTransmit) {
  const auto driver = open_driver(test::load_handler("handler_3"));
  std::vector<std::byte> response(16);
  std::size_t received = 5;
  IfdPci recv_pci;
  EXPECT_EQ(driver->transmit({0, 16}, bytes({0xFF}), response, received, recv_pci),
            IfdRv::icc_not_present);
  EXPECT_EQ(received, 0u);
}

TEST(InProcessDriver, ReportsAnOverlongAnswerWithoutTouchingWhatLiesBehind) {
  const auto driver = open_driver(test::load_handler("handler_lying"));
  std::vector<std::byte> response(16);
  std::size_t received = 0;
  IfdPci recv_pci;
  EXPECT_EQ(driver->transmit({0, 16}, bytes({0}), response, received, recv_pci), IfdRv::success);
  EXPECT_EQ(received, 1016u) << "more than the room: the caller sees that it did not fit";

  std::size_t returned = 0;
  EXPECT_EQ(driver->control(1, bytes({0}), response, returned), IfdRv::insufficient_buffer);
  EXPECT_EQ(returned, 0u);
}

TEST(InProcessDriver, CallsTheControlOfEachVersionItsWay) {
  std::vector<std::byte> response(100);
  std::size_t returned = 0;
  const auto v3 = test::load_handler("handler_3");
  const auto driver_3 = open_driver(v3);
  (void)handler_calls(*v3);
  EXPECT_EQ(driver_3->control(0x42000D48, {}, response, returned), IfdRv::success);
  EXPECT_EQ(response[1], std::byte{3});
  EXPECT_THAT(handler_calls(*v3),
              ElementsAre("control3 10002 code=42000d48 tx=0 null=0 room=100 returned=0"));

  const auto v2 = test::load_handler("handler_2");
  const auto driver_2 = open_driver(v2);
  (void)handler_calls(*v2);
  EXPECT_EQ(driver_2->control(0x42000D48, bytes({0x20}), response, returned), IfdRv::success);
  EXPECT_EQ(response[1], std::byte{2});
  EXPECT_EQ(returned, 2u);
  EXPECT_THAT(handler_calls(*v2), ElementsAre("control2 10002 tx=1 first=20 room=100"));
}

TEST(InProcessDriver, GivesVersion2NoEmptyControl) {
  const auto library = test::load_handler("handler_2");
  const auto driver = open_driver(library);
  (void)handler_calls(*library);
  std::vector<std::byte> response(100);
  std::size_t returned = 7;
  EXPECT_EQ(driver->control(1, {}, response, returned), IfdRv::communication_error);
  EXPECT_EQ(returned, 0u);
  EXPECT_THAT(handler_calls(*library), ElementsAre());
}

TEST(InProcessDriver, SendsRawTransmitsOfVersion2ThroughControl) {
  const auto library = test::load_handler("handler_2");
  const auto driver = open_driver(library);
  (void)handler_calls(*library);
  std::vector<std::byte> response(100);
  std::size_t received = 0;
  IfdPci recv_pci{4, 16};
  EXPECT_EQ(driver->transmit({4, 16}, bytes({0x20}), response, received, recv_pci), IfdRv::success);
  EXPECT_EQ(driver->transmit({0, 16}, bytes({0x20}), response, received, recv_pci), IfdRv::success);
  EXPECT_THAT(handler_calls(*library),
              ElementsAre("control2 10002 tx=1 first=20 room=100",
                          "transmit 10002 pci=0,16 tx=1 first=20 room=100 recv=4,16"));
}

TEST(InProcessDriver, ReadsAndWritesCapabilities) {
  const auto library = test::load_handler("handler_3");
  const auto driver = open_driver(library);
  (void)handler_calls(*library);
  std::vector<std::byte> value(264);
  std::size_t length = 0;
  EXPECT_EQ(driver->get_capability(0x100, value, length), IfdRv::success);
  EXPECT_EQ(length, 6u);
  EXPECT_EQ(value[0], std::byte{'C'});
  EXPECT_EQ(driver->get_capability(0x100, std::span(value).first(3), length),
            IfdRv::insufficient_buffer);
  EXPECT_EQ(length, 6u) << "what it needs";
  EXPECT_EQ(driver->get_capability(0x999, value, length), IfdRv::tag);
  EXPECT_EQ(length, 0u);
  EXPECT_EQ(driver->set_capability(0xFB4, bytes({1})), IfdRv::success);
  EXPECT_THAT(handler_calls(*library),
              ElementsAre("get 10002 100 room=264", "get 10002 100 room=3",
                          "get 10002 999 room=264", "set 10002 fb4 1 first=01"));
}

TEST(InProcessDriver, RefusesACapabilityThatClaimsMoreThanTheRoom) {
  const auto driver = open_driver(test::load_handler("handler_lying"));
  std::array<std::byte, 4> value{};
  std::size_t length = 0;
  EXPECT_EQ(driver->get_capability(0x100, value, length), IfdRv::insufficient_buffer);
  EXPECT_EQ(value[0], std::byte{0}) << "nothing is copied";
  EXPECT_FALSE(driver->has_wait_event()) << "half a pointer is no polling function";
  EXPECT_EQ(driver->wait_event(milliseconds(1)), IfdRv::not_supported);
  EXPECT_FALSE(driver->stop_waiting());
}

TEST(IfdQueries, AskTheDriver) {
  const auto library = test::load_handler("handler_3");
  const auto driver = open_driver(library);
  (void)handler_calls(*library);
  EXPECT_EQ(slots_number(*driver), 3u);
  EXPECT_EQ(simultaneous_access(*driver), 16u);
  EXPECT_TRUE(is_thread_safe(*driver));
  EXPECT_TRUE(is_slot_thread_safe(*driver));
  EXPECT_THAT(handler_calls(*library), ElementsAre("get 10002 fae room=1", "get 10002 faf room=1",
                                                   "get 10002 fad room=1", "get 10002 fac room=1"));
}

TEST(IfdQueries, AssumeTheLeastIfTheAnswerIsNoGood) {
  const auto driver = open_driver(test::load_handler("handler_lying"));
  EXPECT_EQ(slots_number(*driver), 1u);
  EXPECT_EQ(simultaneous_access(*driver), 1u);
  EXPECT_FALSE(is_thread_safe(*driver)) << "only the value 1 means yes";
  EXPECT_FALSE(is_slot_thread_safe(*driver));
}

TEST(InProcessDriver, StopsAWaitThatRuns) {
  const auto library = test::load_handler("handler_3");
  const auto driver = open_driver(library);
  (void)handler_calls(*library);
  ASSERT_TRUE(driver->has_wait_event());
  IfdRv rv = IfdRv::tag;
  std::thread waiter([&] { rv = driver->wait_event(milliseconds(600000)); });
  test::wait_for_poll(*library);
  EXPECT_TRUE(driver->stop_waiting());
  waiter.join();
  EXPECT_EQ(rv, IfdRv::success);
  EXPECT_THAT(handler_calls(*library), ElementsAre("poll 10002 600000"));
}

TEST(InProcessDriver, GivesThePollingFunctionATimeoutItCanHold) {
  const auto library = test::load_handler("handler_3");
  const auto driver = open_driver(library);
  (void)handler_calls(*library);
  EXPECT_TRUE(driver->stop_waiting()) << "ends the next wait if none runs";
  EXPECT_EQ(driver->wait_event(milliseconds::max()), IfdRv::success);
  EXPECT_THAT(handler_calls(*library), ElementsAre("poll 10002 2147483647"));
}

TEST(InProcessDriver, KnowsDriversWithoutPollingOrStopFunction) {
  const auto library = test::load_handler("handler_3");
  const auto no_poll = open_driver(library, "nopoll");
  EXPECT_FALSE(no_poll->has_wait_event());
  EXPECT_FALSE(no_poll->stop_waiting());
  const auto no_stop = open_driver(library, "nostop");
  EXPECT_TRUE(no_stop->has_wait_event());
  EXPECT_FALSE(no_stop->stop_waiting());
}

TEST(InProcessDriver, TurnsExceptionsIntoCommunicationErrors) {
  const test::LogCapture capture(log::Level::info);
  auto driver = open_driver(test::load_handler("handler_throwing"));
  std::vector<std::byte> buffer(16);
  std::size_t length = 0;
  IfdPci pci;
  AtrBytes atr;
  EXPECT_EQ(driver->presence(), IfdRv::communication_error);
  EXPECT_EQ(driver->power(PowerAction::up, atr), IfdRv::communication_error);
  EXPECT_EQ(driver->set_protocol(1), IfdRv::communication_error);
  EXPECT_EQ(driver->transmit({0, 16}, buffer, buffer, length, pci), IfdRv::communication_error);
  EXPECT_EQ(driver->control(1, buffer, buffer, length), IfdRv::communication_error);
  EXPECT_EQ(driver->get_capability(0x100, buffer, length), IfdRv::communication_error);
  EXPECT_EQ(driver->set_capability(0x100, buffer), IfdRv::communication_error);
  EXPECT_EQ(driver->wait_event(milliseconds(1)), IfdRv::communication_error);
  driver.reset();
  // The one line is about the first: the stop function's tag at the opening.
  ASSERT_EQ(capture.records().size(), 1u);
  EXPECT_EQ(capture.records()[0].level, log::Level::error);
  EXPECT_THAT(capture.records()[0].text,
              testing::AllOf(HasSubstr("handler_throwing.so"), HasSubstr("IFDHGetCapabilities"),
                             HasSubstr("in get")));
}

TEST(InProcessDriver, FailsToOpenIfOpeningThrows) {
  const auto library = test::load_handler("handler_throwing");
  EXPECT_EQ(InProcessDriver::create(library, 0, "throws", 0).error().rv, ScardRv::invalid_target);
  EXPECT_EQ(InProcessDriver::create(library, 0, "", 0).error().rv, ScardRv::invalid_target);
}

}  // namespace
}  // namespace cardea
