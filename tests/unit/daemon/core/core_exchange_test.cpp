// TRANSMIT, CONTROL and attributes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ifdhandler.h"
#include "reader.h"
#include "tests/unit/daemon/core/core_bench.hpp"

namespace cardea::core {
namespace {

using wire::ShareMode;

class CoreExchange : public testing::Test {
 protected:
  CoreBench bench;
  TestReader& reader = bench.add_reader("Cardea Reader 00 00");
  TestClient& a = bench.add_client();
  CardHandle card = a.open(reader.name);

  [[nodiscard]] std::string last_call() const { return reader.script->calls().back(); }
};

TEST_F(CoreExchange, TransmitAsksForTheCardsProtocol) {
  struct Case {
    std::uint32_t protocol;
    ScardRv rv;
    const char* call;
  };
  for (const Case& test :
       {Case{2, ScardRv::success, "transmit 1 00A40000"},
        Case{4, ScardRv::success, "transmit 4 00A40000"},
        Case{0x1000, ScardRv::success, "transmit 1 00A40000"},
        Case{1, ScardRv::proto_mismatch, nullptr}, Case{0, ScardRv::proto_mismatch, nullptr},
        Case{3, ScardRv::proto_mismatch, nullptr}}) {
    const auto before = reader.script->calls().size();
    EXPECT_EQ(a.transmit(card, test.protocol), test.rv) << test.protocol;
    if (test.call != nullptr) {
      EXPECT_EQ(last_call(), test.call);
      EXPECT_EQ(a.payload.size(), 2u);
    } else {
      EXPECT_EQ(reader.script->calls().size(), before);
      EXPECT_EQ(a.reply<wire::Transmit>().recv_bytes, 0u);
    }
  }
}

TEST_F(CoreExchange, TransmitTellsTheLengthThatDoesNotFit) {
  reader.script->queue_response(DriverCall::transmit, DriverScript::Bytes(10, 7));
  EXPECT_EQ(a.transmit(card, 2, 9), ScardRv::insufficient_buffer);
  EXPECT_EQ(a.reply<wire::Transmit>().recv_bytes, 10u);
  EXPECT_TRUE(a.payload.empty());
  reader.script->queue_response(DriverCall::transmit, DriverScript::Bytes(10, 7));
  EXPECT_EQ(a.transmit(card, 2, 10), ScardRv::success) << "the next one works";
  EXPECT_EQ(a.payload, std::vector<std::byte>(10, std::byte{7}));
}

TEST_F(CoreExchange, ADriverThatClaimsMoreThanItsRoomGivesNoPayload) {
  reader.script->queue_response(DriverCall::transmit, DriverScript::Bytes(70'000, 7));
  EXPECT_EQ(a.transmit(card, 2, 0xFFFFFFFF), ScardRv::insufficient_buffer);
  EXPECT_EQ(a.reply<wire::Transmit>().recv_bytes, 70'000u);
  EXPECT_TRUE(a.payload.empty());
}

TEST_F(CoreExchange, TransmitReportsWhatTheDriverSays) {
  reader.script->queue_result(DriverCall::transmit, IfdRv::response_timeout);
  EXPECT_EQ(a.transmit(card), ScardRv::not_transacted);
  EXPECT_EQ(a.status(card), ScardRv::success);
  reader.script->remove_card();
  EXPECT_EQ(a.transmit(card), ScardRv::no_smartcard);
  EXPECT_EQ(a.state_of(reader.name).state, wire::kStateAbsent) << "at once";
}

TEST_F(CoreExchange, TransmitWithoutACardIsOnlyForRaw) {
  TestReader& empty = bench.add_reader("Empty", {.card = false});
  const CardHandle direct = a.open("Empty", ShareMode::direct, 0);
  EXPECT_EQ(a.transmit(direct, 2), ScardRv::no_smartcard);
  EXPECT_EQ(a.transmit(direct, 0x1000), ScardRv::no_smartcard);
  EXPECT_EQ(a.transmit(direct, 4), ScardRv::no_smartcard) << "this time the driver says it";
  EXPECT_EQ(empty.script->calls().back(), "transmit 4 00A40000");
}

TEST_F(CoreExchange, ControlWorksWithoutACardAndWithAMark) {
  reader.script->queue_response(DriverCall::control, {1, 2, 3});
  EXPECT_EQ(a.control(card), ScardRv::success);
  EXPECT_EQ(a.reply<wire::Control>().bytes_returned, 3u);
  EXPECT_EQ(a.payload.size(), 3u);
  bench.remove_card(reader);
  EXPECT_EQ(a.status(card), ScardRv::removed_card);
  reader.script->queue_response(DriverCall::control, {1, 2, 3});
  EXPECT_EQ(a.control(card), ScardRv::success);
  EXPECT_EQ(a.control(card), ScardRv::unsupported_feature);
  EXPECT_EQ(a.reply<wire::Control>().bytes_returned, 0u);
}

TEST_F(CoreExchange, ControlTellsTheLengthThatDoesNotFit) {
  reader.script->queue_response(DriverCall::control, {1, 2, 3});
  EXPECT_EQ(a.control(card, 0, 2), ScardRv::insufficient_buffer);
  EXPECT_EQ(a.reply<wire::Control>().bytes_returned, 3u);
  EXPECT_TRUE(a.payload.empty());
}

TEST_F(CoreExchange, AVersion2DriverGetsNoEmptyControl) {
  TestReader& old = bench.add_reader("Old", {.version_2 = true});
  const CardHandle other = a.open("Old");
  EXPECT_EQ(a.control(other, 0), ScardRv::invalid_parameter);
  old.script->queue_response(DriverCall::control, {0x90, 0});
  EXPECT_EQ(a.control(other, 1), ScardRv::success);
}

TEST_F(CoreExchange, EjectIsAskedOfVersion2DriversOnly) {
  TestReader& old = bench.add_reader("Old", {.version_2 = true});
  old.script->queue_response(DriverCall::control, {0x90, 0});
  const CardHandle other = a.open("Old");
  EXPECT_EQ(a.begin(other), ScardRv::success);
  EXPECT_EQ(a.end(other, wire::Disposition::eject), ScardRv::success);
  EXPECT_EQ(old.script->calls().back(), "control 00000000 2015010000");
  EXPECT_EQ(a.status(other), ScardRv::success) << "no mark: nothing was reset";
  EXPECT_EQ(a.disconnect(other, wire::Disposition::eject), ScardRv::success)
      << "a driver's refusal does not keep the handle";
  EXPECT_EQ(a.disconnect(card, wire::Disposition::eject), ScardRv::success);
  EXPECT_EQ(last_call(), "set_protocol 2") << "version 3 is not asked";
}

TEST_F(CoreExchange, AttributesComeFromTheDriver) {
  reader.script->set_capability_value(SCARD_ATTR_VENDOR_NAME, {'C', 'a', 0});
  EXPECT_EQ(a.get_attribute(card, SCARD_ATTR_VENDOR_NAME), ScardRv::success);
  const auto reply = a.reply<wire::Attribute>();
  EXPECT_EQ(reply.bytes, 3u);
  EXPECT_EQ(reply.value[1], 'a');
  EXPECT_EQ(a.get_attribute(card, SCARD_ATTR_VENDOR_NAME, 2), ScardRv::insufficient_buffer);
  EXPECT_EQ(a.reply<wire::Attribute>().bytes, 3u);
  EXPECT_EQ(a.get_attribute(card, SCARD_ATTR_VENDOR_IFD_VERSION), ScardRv::unsupported_feature);
  EXPECT_EQ(a.reply<wire::Attribute>().bytes, 0u);
  reader.script->queue_result(DriverCall::get_capability, IfdRv::communication_error);
  EXPECT_EQ(a.get_attribute(card, SCARD_ATTR_VENDOR_NAME), ScardRv::not_transacted);
  EXPECT_EQ(a.set_attribute(card, SCARD_ATTR_VENDOR_NAME), ScardRv::success);
  EXPECT_EQ(last_call(), "set_capability 10100 01");
  reader.script->queue_result(DriverCall::set_capability, IfdRv::tag);
  EXPECT_EQ(a.set_attribute(card, SCARD_ATTR_VENDOR_NAME), ScardRv::unsupported_feature);
}

TEST_F(CoreExchange, InternalTagsAreNotForClients) {
  for (const int number :
       {TAG_IFD_SLOT_THREAD_SAFE, TAG_IFD_THREAD_SAFE, TAG_IFD_SIMULTANEOUS_ACCESS,
        TAG_IFD_POLLING_THREAD, TAG_IFD_POLLING_THREAD_KILLABLE, TAG_IFD_STOP_POLLING_THREAD,
        TAG_IFD_POLLING_THREAD_WITH_TIMEOUT, TAG_IFD_DEVICE_REMOVED}) {
    const auto tag = static_cast<std::uint32_t>(number);
    reader.script->set_capability_value(tag, {1});
    EXPECT_EQ(a.get_attribute(card, tag), ScardRv::unsupported_feature) << std::hex << tag;
    EXPECT_EQ(a.set_attribute(card, tag), ScardRv::unsupported_feature) << std::hex << tag;
  }
  EXPECT_EQ(last_call(), "set_protocol 2") << "the driver was not asked";
  reader.script->set_capability_value(TAG_IFD_SLOTS_NUMBER, {1});
  EXPECT_EQ(a.get_attribute(card, TAG_IFD_SLOTS_NUMBER), ScardRv::success);
}

TEST_F(CoreExchange, TheReaderNameIsAnsweredForTheDriver) {
  for (const std::uint32_t id : {std::uint32_t{SCARD_ATTR_DEVICE_FRIENDLY_NAME_A},
                                 std::uint32_t{SCARD_ATTR_DEVICE_SYSTEM_NAME_A}}) {
    EXPECT_EQ(a.get_attribute(card, id), ScardRv::success);
    const auto reply = a.reply<wire::Attribute>();
    ASSERT_EQ(reply.bytes, reader.name.size() + 1) << "with its NUL";
    EXPECT_STREQ(std::string(reply.value, reply.value + reply.bytes).c_str(), reader.name.c_str());
    const auto length = static_cast<std::uint32_t>(reader.name.size() + 1);
    EXPECT_EQ(a.get_attribute(card, id, length - 1), ScardRv::insufficient_buffer);
    EXPECT_EQ(a.reply<wire::Attribute>().bytes, length);
    EXPECT_EQ(a.get_attribute(card, id, length), ScardRv::success);
  }
  reader.script->set_capability_value(SCARD_ATTR_DEVICE_FRIENDLY_NAME_A, {'x', 0});
  EXPECT_EQ(a.get_attribute(card, SCARD_ATTR_DEVICE_FRIENDLY_NAME_A), ScardRv::success);
  EXPECT_EQ(a.reply<wire::Attribute>().bytes, 2u) << "a driver that knows its name says it";
}

TEST_F(CoreExchange, TheSystemNameIsTheAlias) {
  TestReaderOptions options;
  options.alias = "usb-1-1.2";
  bench.add_reader("S", options);
  const CardHandle other = a.open("S");
  EXPECT_EQ(a.get_attribute(other, SCARD_ATTR_DEVICE_SYSTEM_NAME_A), ScardRv::success);
  const auto reply = a.reply<wire::Attribute>();
  EXPECT_EQ(std::string(reply.value, reply.value + reply.bytes), std::string("usb-1-1.2", 10));
  EXPECT_EQ(a.get_attribute(other, SCARD_ATTR_DEVICE_FRIENDLY_NAME_A), ScardRv::success);
  EXPECT_EQ(a.reply<wire::Attribute>().bytes, 2u);
}

TEST_F(CoreExchange, RequestsOfOneDomainRunOneAfterTheOther) {
  const DomainId domain = bench.core().add_domain();
  bench.add_reader("S1", {.domain = domain});
  bench.add_reader("S2", {.domain = domain});
  TestClient& b = bench.add_client();
  TestClient& c = bench.add_client();
  const CardHandle card_a = a.open("S1");
  const CardHandle card_b = b.open("S2");
  const CardHandle card_c = c.open(reader.name);
  bench.hold_jobs();
  EXPECT_EQ(a.transmit(card_a), kParked);
  EXPECT_EQ(b.transmit(card_b), kParked);
  EXPECT_EQ(c.transmit(card_c), kParked);
  EXPECT_EQ(bench.waiting_jobs().size(), 2u) << "the third waits for the first";
  EXPECT_EQ(bench.core().counts().queued, 1u);
  EXPECT_TRUE(bench.run_job(0));
  EXPECT_EQ(a.answer(), ScardRv::success);
  EXPECT_EQ(bench.waiting_jobs().size(), 2u);
  bench.release_jobs();
  EXPECT_EQ(b.answer(), ScardRv::success);
  EXPECT_EQ(c.answer(), ScardRv::success);
}

TEST_F(CoreExchange, ARequestThatWaitedForTheDriverIsCheckedAgain) {
  TestClient& b = bench.add_client();
  const CardHandle other = b.open(reader.name);
  bench.hold_jobs();
  EXPECT_EQ(a.transmit(card), kParked);
  EXPECT_EQ(b.transmit(other), kParked);
  reader.script->queue_result(DriverCall::transmit, IfdRv::icc_not_present);
  bench.release_jobs();
  EXPECT_EQ(a.answer(), ScardRv::no_smartcard);
  EXPECT_EQ(b.answer(), ScardRv::removed_card) << "it was marked while it waited";
}

}  // namespace
}  // namespace cardea::core
