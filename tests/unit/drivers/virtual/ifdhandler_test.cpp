// The IFDH functions as a daemon calls them.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <future>
#include <string>

#include "reader.h"
#include "tests/unit/drivers/virtual/test_host.hpp"

// The C header's attribute names expand to C casts.
#pragma GCC diagnostic ignored "-Wold-style-cast"

namespace cardea::virtual_reader {
namespace {

constexpr std::string_view kSelect = "00 A4 04 00 0A A0 00 00 00 62 03 01 0C 06 01";
const Bytes kAtrT01 = from_hex("3B 86 80 01 43 61 72 64 65 61 37");

RESPONSECODE set_protocol(DWORD lun, DWORD protocol) {
  return IFDHSetProtocolParameters(lun, protocol, 0, 0, 0, 0);
}

RESPONSECODE create(DWORD lun, std::string name) {
  return IFDHCreateChannelByName(lun, name.data());
}

TEST(IfdHandler, HoldsAConversationWithTheHelloCard) {
  const OpenReader reader(0, "virtual:");
  EXPECT_EQ(IFDHICCPresence(reader.lun()), IFD_ICC_PRESENT);
  EXPECT_EQ(power(reader.lun()), ok(kAtrT01));
  EXPECT_EQ(set_protocol(reader.lun(), 2), IFD_SUCCESS);
  EXPECT_EQ(transmit(reader.lun(), kSelect), ok(from_hex("9000")));
  EXPECT_EQ(transmit(reader.lun(), "00 00 00 00"), ok(from_hex("48656C6C6F20776F726C6421 9000")));
}

TEST(IfdHandler, OpensADefaultReaderByChannelNumber) {
  ASSERT_EQ(IFDHCreateChannel(0, 0x200000), IFD_SUCCESS);
  EXPECT_EQ(power(0), ok(kAtrT01));
  EXPECT_EQ(IFDHCloseChannel(0), IFD_SUCCESS);
}

TEST(IfdHandler, SaysWhatIsWrongWithAName) {
  EXPECT_EQ(create(0, "virtual:slots=256"), IFD_COMMUNICATION_ERROR);
  EXPECT_TRUE(
      was_logged("cannot open 'virtual:slots=256': slots is not a number of 1..255; a name "
                 "looks like this: virtual:slots=1..255:card=hello|none|mute"));
  EXPECT_EQ(IFDHCreateChannelByName(0, nullptr), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(IFDHICCPresence(0), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(IFDHCloseChannel(0), IFD_COMMUNICATION_ERROR);
}

TEST(IfdHandler, RefusesSlotsAndNamesThatDoNotFit) {
  const OpenReader reader(3, "virtual:slots=2");
  EXPECT_EQ(create(make_lun(3, 2), "virtual:slots=2"), IFD_COMMUNICATION_ERROR);
  EXPECT_TRUE(was_logged("slot 2 does not exist, slots=2"));
  EXPECT_EQ(create(make_lun(3, 0), "virtual:slots=2"), IFD_COMMUNICATION_ERROR);
  EXPECT_TRUE(was_logged("slot 0 is open already"));
  EXPECT_EQ(create(make_lun(3, 1), "virtual:slots=3"), IFD_COMMUNICATION_ERROR);
  EXPECT_TRUE(was_logged("reader 3 is open as virtual:slots=2"));
  EXPECT_EQ(create(make_lun(4, 7), "virtual:slots=2"), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(create(make_lun(4, 0), "virtual:slots=3"), IFD_SUCCESS);
  EXPECT_EQ(IFDHCloseChannel(make_lun(4, 0)), IFD_SUCCESS);
}

TEST(IfdHandler, SpeaksOfAbsentCardsInEachCall) {
  const OpenReader reader(0, "virtual:card=none");
  EXPECT_EQ(IFDHICCPresence(reader.lun()), IFD_ICC_NOT_PRESENT);
  EXPECT_EQ(power(reader.lun()).rv, IFD_ICC_NOT_PRESENT);
  EXPECT_EQ(power(reader.lun(), IFD_RESET).rv, IFD_ICC_NOT_PRESENT);
  EXPECT_EQ(power(reader.lun(), IFD_POWER_DOWN).rv, IFD_SUCCESS);
  EXPECT_EQ(set_protocol(reader.lun(), 1), IFD_ICC_NOT_PRESENT);
  EXPECT_EQ(transmit(reader.lun(), kSelect).rv, IFD_ICC_NOT_PRESENT);
}

TEST(IfdHandler, NeedsPowerForAProtocolAndACommand) {
  const OpenReader reader(0, "virtual:");
  EXPECT_EQ(set_protocol(reader.lun(), 1), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(transmit(reader.lun(), kSelect).rv, IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(power(reader.lun()).rv, IFD_SUCCESS);
  EXPECT_EQ(transmit(reader.lun(), kSelect).rv, IFD_SUCCESS);
  EXPECT_EQ(power(reader.lun(), IFD_POWER_DOWN), ok({}));
  EXPECT_EQ(transmit(reader.lun(), kSelect).rv, IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(power(reader.lun(), 499).rv, IFD_NOT_SUPPORTED);
}

TEST(IfdHandler, ReportsAMuteCardAsPresentWithoutPower) {
  const OpenReader reader(0, "virtual:card=mute");
  EXPECT_EQ(IFDHICCPresence(reader.lun()), IFD_ICC_PRESENT);
  for (const DWORD action : {DWORD{IFD_POWER_UP}, DWORD{IFD_RESET}}) {
    const Reply reply = power(reader.lun(), action);
    EXPECT_EQ(reply.rv, IFD_ERROR_POWER_ACTION);
    EXPECT_EQ(reply.length, 0U);
  }
  EXPECT_EQ(IFDHICCPresence(reader.lun()), IFD_ICC_PRESENT);
  EXPECT_EQ(transmit(reader.lun(), kSelect).rv, IFD_COMMUNICATION_ERROR);
}

TEST(IfdHandler, AllowsTheProtocolsOfTheAtr) {
  const OpenReader t0(0, "virtual:atr=t0");
  const OpenReader t1(1, "virtual:atr=t1");
  const OpenReader t01(2, "virtual:atr=t01");
  for (const OpenReader* reader : {&t0, &t1, &t01}) {
    ASSERT_EQ(power(reader->lun()).rv, IFD_SUCCESS);
    EXPECT_EQ(set_protocol(reader->lun(), 0), IFD_PROTOCOL_NOT_SUPPORTED);
    EXPECT_EQ(set_protocol(reader->lun(), 3), IFD_PROTOCOL_NOT_SUPPORTED);
    EXPECT_EQ(set_protocol(reader->lun(), 4), IFD_PROTOCOL_NOT_SUPPORTED);
  }
  EXPECT_EQ(set_protocol(t0.lun(), 1), IFD_SUCCESS);
  EXPECT_EQ(set_protocol(t0.lun(), 2), IFD_PROTOCOL_NOT_SUPPORTED);
  EXPECT_EQ(set_protocol(t1.lun(), 1), IFD_PROTOCOL_NOT_SUPPORTED);
  EXPECT_EQ(set_protocol(t1.lun(), 2), IFD_SUCCESS);
  EXPECT_EQ(set_protocol(t01.lun(), 1), IFD_SUCCESS);
  EXPECT_EQ(set_protocol(t01.lun(), 2), IFD_SUCCESS);
}

TEST(IfdHandler, TellsTheLengthOfAResponseWithoutRoom) {
  const OpenReader reader(0, "virtual:");
  ASSERT_EQ(power(reader.lun()).rv, IFD_SUCCESS);
  const Bytes command = from_hex("80 20 00 10");
  EXPECT_EQ(transmit(reader.lun(), command, 17), (Reply{IFD_SUCCESS, {}, 18}));
  EXPECT_EQ(transmit(reader.lun(), command, 0), (Reply{IFD_SUCCESS, {}, 18}));
  EXPECT_EQ(transmit(reader.lun(), command, 18), ok(concat(counting(16), from_hex("9000"))));
}

TEST(IfdHandler, CarriesTheLongestCommandAndResponse) {
  const OpenReader reader(0, "virtual:");
  ASSERT_EQ(power(reader.lun()).rv, IFD_SUCCESS);
  const Bytes pattern = concat(counting(65536), from_hex("9000"));
  EXPECT_EQ(transmit(reader.lun(), "80 20 00 00 00 00 00"), ok(pattern));
  const Bytes echo =
      concat(concat(from_hex("80 50 00 00 00 FF FF"), counting(65535)), from_hex("0000"));
  EXPECT_EQ(transmit(reader.lun(), echo), ok(concat(counting(65535), from_hex("9000"))));
  EXPECT_EQ(transmit(reader.lun(), Bytes(65548, 0)), ok(from_hex("6700")));
  EXPECT_EQ(transmit(reader.lun(), Bytes(65549, 0)).rv, IFD_COMMUNICATION_ERROR);
  EXPECT_TRUE(was_logged("a command has 1..65548 bytes, not 65549"));
  EXPECT_EQ(transmit(reader.lun(), Bytes()).rv, IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(transmit(reader.lun(), Bytes{0x04}), ok(from_hex("6700")));
}

TEST(IfdHandler, EndsARunningCommandWhenTheCardGoes) {
  const OpenReader reader(0, "virtual:");
  for (int round = 0; round < 50; ++round) {
    ASSERT_TRUE(wait_for_presence(reader.lun(), IFD_ICC_PRESENT));
    ASSERT_EQ(power(reader.lun()).rv, IFD_SUCCESS);
    std::promise<void> started;
    std::future<Reply> result = std::async(std::launch::async, [&reader, &started] {
      started.set_value();
      return transmit(reader.lun(), "80 30 FF FF");  // 65 s
    });
    started.get_future().wait();
    EXPECT_EQ(reader.execute("remove 0"), "ok slot 0 is empty\n");
    ASSERT_EQ(result.wait_for(std::chrono::seconds(30)), std::future_status::ready);
    EXPECT_EQ(result.get(), (Reply{IFD_ICC_NOT_PRESENT, {}, 0}));
    EXPECT_EQ(IFDHICCPresence(reader.lun()), IFD_ICC_NOT_PRESENT);
    EXPECT_EQ(reader.execute("insert 0"), "ok slot 0 holds a card\n");
  }
}

TEST(IfdHandler, LosesTheStateOfACardWithTheCard) {
  const OpenReader reader(0, "virtual:");
  ASSERT_EQ(power(reader.lun()).rv, IFD_SUCCESS);
  ASSERT_EQ(power(reader.lun(), IFD_RESET).rv, IFD_SUCCESS);
  EXPECT_EQ(transmit(reader.lun(), "80 40 00 00"), ok(from_hex("00000002 9000")));
  reader.change("remove 0");
  reader.change("insert 0 hello atr=t1");
  ASSERT_EQ(power(reader.lun()), ok(from_hex("3B 86 81 31 FE 45 43 61 72 64 65 61 BD")));
  EXPECT_EQ(transmit(reader.lun(), "80 40 00 00"), ok(from_hex("00000001 9000")));
}

TEST(IfdHandler, AnswersTheTagsOfTheDaemon) {
  const OpenReader reader(0, "virtual:slots=255");
  EXPECT_EQ(capability(reader.lun(), TAG_IFD_SIMULTANEOUS_ACCESS, 1), ok({255}));
  EXPECT_EQ(capability(reader.lun(), TAG_IFD_THREAD_SAFE, 1), ok({1}));
  EXPECT_EQ(capability(reader.lun(), TAG_IFD_SLOT_THREAD_SAFE, 1), ok({1}));
  EXPECT_EQ(capability(reader.lun(), TAG_IFD_SLOTS_NUMBER, 1), ok({255}));
  EXPECT_NE(poll_function(reader.lun()), nullptr);
  EXPECT_NE(stop_function(reader.lun()), nullptr);
  constexpr std::array<DWORD, 4> kNotOffered = {TAG_IFD_POLLING_THREAD_KILLABLE,
                                                TAG_IFD_POLLING_THREAD, TAG_IFD_DEVICE_REMOVED,
                                                SCARD_ATTR_DEVICE_FRIENDLY_NAME_A};
  for (const DWORD tag : kNotOffered) {
    EXPECT_EQ(capability(reader.lun(), tag), (Reply{IFD_ERROR_TAG, {}, 0})) << tag;
  }
}

TEST(IfdHandler, AnswersAttributesOfReaderAndCard) {
  const OpenReader reader(1, "virtual:");
  const auto text = [](std::string_view value) {
    Bytes bytes(value.begin(), value.end());
    bytes.push_back(0);
    return ok(bytes);
  };
  EXPECT_EQ(capability(reader.lun(), SCARD_ATTR_VENDOR_NAME), text("Cardea"));
  EXPECT_EQ(capability(reader.lun(), SCARD_ATTR_VENDOR_IFD_TYPE), text("Cardea Virtual Reader"));
  EXPECT_EQ(capability(reader.lun(), SCARD_ATTR_VENDOR_IFD_VERSION), ok(from_hex("00000001")));
  EXPECT_EQ(capability(reader.lun(), SCARD_ATTR_VENDOR_IFD_SERIAL_NO), text("0001-0000"));
  EXPECT_EQ(capability(reader.lun(), SCARD_ATTR_MAXINPUT), ok(from_hex("0C000100")));
  EXPECT_EQ(capability(reader.lun(), SCARD_ATTR_ICC_PRESENCE), ok({2}));
  EXPECT_EQ(capability(reader.lun(), SCARD_ATTR_ICC_INTERFACE_STATUS), ok({0}));
  EXPECT_EQ(capability(reader.lun(), SCARD_ATTR_ATR_STRING), ok({}));
  ASSERT_EQ(power(reader.lun()).rv, IFD_SUCCESS);
  ASSERT_EQ(set_protocol(reader.lun(), 2), IFD_SUCCESS);
  EXPECT_EQ(capability(reader.lun(), SCARD_ATTR_ATR_STRING), ok(kAtrT01));
  EXPECT_EQ(capability(reader.lun(), TAG_IFD_ATR), ok(kAtrT01));
  EXPECT_EQ(capability(reader.lun(), SCARD_ATTR_ICC_INTERFACE_STATUS), ok({1}));
  EXPECT_EQ(capability(reader.lun(), SCARD_ATTR_CURRENT_PROTOCOL_TYPE), ok(from_hex("02000000")));
  reader.change("remove 0");
  EXPECT_EQ(capability(reader.lun(), SCARD_ATTR_ICC_PRESENCE), ok({0}));
  EXPECT_EQ(capability(reader.lun(), SCARD_ATTR_ATR_STRING), ok({}));
}

TEST(IfdHandler, TellsTheLengthOfAnAttributeWithoutRoom) {
  const OpenReader reader(0, "virtual:");
  EXPECT_EQ(capability(reader.lun(), SCARD_ATTR_VENDOR_NAME, 6),
            (Reply{IFD_ERROR_INSUFFICIENT_BUFFER, {}, 7}));
  DWORD length = 0;
  EXPECT_EQ(IFDHGetCapabilities(reader.lun(), SCARD_ATTR_VENDOR_NAME, &length, nullptr),
            IFD_SUCCESS);
  EXPECT_EQ(length, 7U);
}

TEST(IfdHandler, LetsNothingBeSet) {
  const OpenReader reader(0, "virtual:");
  std::array<UCHAR, 1> value = {1};
  EXPECT_EQ(IFDHSetCapabilities(reader.lun(), TAG_IFD_SLOTS_NUMBER, 1, value.data()),
            IFD_ERROR_TAG);
}

TEST(IfdHandler, OffersItsTlvPropertiesAsAFeature) {
  const OpenReader reader(0, "virtual:");
  const Reply features = control(reader.lun(), CM_IOCTL_GET_FEATURE_REQUEST);
  EXPECT_EQ(features, ok(from_hex("12 04 42330012")));
  EXPECT_EQ(control(reader.lun(), 0x00313520), features);
  EXPECT_EQ(control(reader.lun(), 0x42330012),
            ok(from_hex("01 02 0000  09 01 00  0A 04 00000100")));
  EXPECT_EQ(control(reader.lun(), CM_IOCTL_GET_FEATURE_REQUEST, 5),
            (Reply{IFD_ERROR_INSUFFICIENT_BUFFER, {}, 0}));
  EXPECT_EQ(control(reader.lun(), 0x42330006), (Reply{IFD_ERROR_NOT_SUPPORTED, {}, 0}));
}

TEST(IfdHandler, KeepsReadersAndSlotsApart) {
  const OpenReader first(0, "virtual:slots=2", 2);
  const OpenReader second(1, "virtual:slots=2:card=none", 2);
  for (unsigned slot : {0U, 1U}) {
    EXPECT_EQ(IFDHICCPresence(first.lun(slot)), IFD_ICC_PRESENT);
    EXPECT_EQ(IFDHICCPresence(second.lun(slot)), IFD_ICC_NOT_PRESENT);
    ASSERT_EQ(power(first.lun(slot)).rv, IFD_SUCCESS);
  }
  EXPECT_EQ(transmit(first.lun(0), kSelect), ok(from_hex("9000")));
  EXPECT_EQ(transmit(first.lun(1), "00 00 00 00"), ok(from_hex("6985")));
  EXPECT_EQ(second.execute("insert 1"), "ok slot 1 holds a card\n");
  EXPECT_EQ(IFDHICCPresence(second.lun(1)), IFD_ICC_PRESENT);
  EXPECT_EQ(IFDHICCPresence(second.lun(0)), IFD_ICC_NOT_PRESENT);
}

TEST(IfdHandler, ServesASlotWhileAnotherIsBusy) {
  const OpenReader reader(0, "virtual:slots=2", 2);
  ASSERT_EQ(power(reader.lun(0)).rv, IFD_SUCCESS);
  ASSERT_EQ(power(reader.lun(1)).rv, IFD_SUCCESS);
  std::future<Reply> busy =
      std::async(std::launch::async, [&reader] { return transmit(reader.lun(0), "80 30 FF FF"); });
  EXPECT_EQ(transmit(reader.lun(1), kSelect), ok(from_hex("9000")));
  EXPECT_EQ(IFDHICCPresence(reader.lun(0)), IFD_ICC_PRESENT);
  EXPECT_EQ(reader.execute("remove 0"), "ok slot 0 is empty\n");
  EXPECT_EQ(busy.get().rv, IFD_ICC_NOT_PRESENT);
}

TEST(IfdHandler, Has255Slots) {
  const OpenReader reader(0, "virtual:slots=255", 255);
  for (unsigned slot = 0; slot < 255; ++slot) {
    ASSERT_EQ(power(reader.lun(slot)), ok(kAtrT01)) << slot;
  }
  EXPECT_EQ(reader.execute("remove 254"), "ok slot 254 is empty\n");
  EXPECT_EQ(IFDHICCPresence(reader.lun(254)), IFD_ICC_NOT_PRESENT);
  EXPECT_EQ(IFDHICCPresence(reader.lun(253)), IFD_ICC_PRESENT);
}

TEST(IfdHandler, LeavesNoDescriptorAndNoThreadBehind) {
  const TemporaryFolder folder;
  use_threads_once();
  const std::size_t descriptors = count_open_descriptors();
  const std::size_t threads = count_threads();
  for (int round = 0; round < 10; ++round) {
    const std::string control = ":control=" + folder.file("c");
    const OpenReader first(0, "virtual:slots=3" + control, 3);
    const OpenReader second(1, "virtual:slots=3:vpcd=0", 3);
    EXPECT_GT(count_open_descriptors(), descriptors);
    EXPECT_TRUE(thread_count_becomes(threads + 2));
  }
  EXPECT_EQ(count_open_descriptors(), descriptors);
  EXPECT_TRUE(thread_count_becomes(threads));
}

TEST(IfdHandler, LeavesNothingBehindAfterAFailure) {
  const TemporaryFolder folder;
  use_threads_once();
  const OpenReader owner(0, "virtual:control=" + folder.file("c"));
  const std::size_t descriptors = count_open_descriptors();
  const std::size_t threads = count_threads();
  const std::string name = "virtual:slots=2:vpcd=0:control=" + folder.file("c");
  EXPECT_EQ(create(make_lun(1, 0), name), IFD_COMMUNICATION_ERROR);
  EXPECT_TRUE(was_logged("is in use"));
  EXPECT_EQ(count_open_descriptors(), descriptors);
  EXPECT_TRUE(thread_count_becomes(threads));
}

}  // namespace
}  // namespace cardea::virtual_reader
