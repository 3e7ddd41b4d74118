// The C functions of the driver in front of the reader's model.
#include "ifdhandler.h"

#include <gtest/gtest.h>

#include <cstring>
#include <future>

#include "drivers/ccid/features.hpp"
#include "drivers/ccid/open_reader.hpp"
#include "reader.h"
#include "tests/unit/drivers/ccid/fake_reader.hpp"

#pragma GCC diagnostic ignored "-Wold-style-cast"

namespace cardea::ccid {
namespace {

const Bytes kAtr{0x3B, 0x00};
const Bytes kCommand{0x00, 0xA4, 0x00, 0x00};
const Bytes kOk{0x90, 0x00};
constexpr DWORD kLun = 0x00030000;

/// What the opener of the running test hands out.
struct {
  std::shared_ptr<FakeReader> fake;
  DescriptorFields fields;
  DriverOptions options;
  RESPONSECODE refusal = IFD_SUCCESS;
} g_world;

IfdResult<std::shared_ptr<Reader>> open_fake(std::string_view) {
  if (g_world.refusal != IFD_SUCCESS) return ifd_failure(g_world.refusal);
  return Reader::create(std::make_unique<SharedPipe>(g_world.fake), usb_interface(g_world.fields),
                        g_world.options);
}

class IfdHandler : public testing::Test {
 protected:
  IfdHandler() { set_reader_opener_for_test(&open_fake); }
  ~IfdHandler() override {
    for (DWORD slot = 0; slot < g_world.fields.slots; ++slot) (void)IFDHCloseChannel(kLun + slot);
    set_reader_opener_for_test(nullptr);
    g_world = {};
  }

  RESPONSECODE open(const DescriptorFields& fields = {}, DWORD slot = 0,
                    const std::string& name = "usb:a") {
    if (!g_world.fake) {
      g_world.fake = std::make_shared<FakeReader>(fields);
      g_world.fields = fields;
    }
    std::string copy = name;
    return IFDHCreateChannelByName(kLun + slot, copy.data());
  }
  FakeReader& fake() { return *g_world.fake; }

  Bytes capability(DWORD tag, DWORD slot = 0) {
    Bytes value(264);
    DWORD length = value.size();
    if (IFDHGetCapabilities(kLun + slot, tag, &length, value.data()) != IFD_SUCCESS) length = 0;
    value.resize(length);
    return value;
  }

  template <typename Function>
  Function* function(DWORD tag) {
    const Bytes bytes = capability(tag);
    Function* result = nullptr;
    EXPECT_EQ(bytes.size(), sizeof result);
    if (bytes.size() == sizeof result) std::memcpy(&result, bytes.data(), sizeof result);
    return result;
  }

  RESPONSECODE control(DWORD code, Bytes input, Bytes& answer, DWORD room = 264) {
    answer.assign(room, 0);
    DWORD length = 99;
    const RESPONSECODE rv =
        IFDHControl(kLun, code, input.data(), input.size(), answer.data(), room, &length);
    answer.resize(length);
    return rv;
  }

  RESPONSECODE power_up(Bytes& atr) {
    atr.assign(33, 0);
    DWORD length = atr.size();
    const RESPONSECODE rv = IFDHPowerICC(kLun, IFD_POWER_UP, atr.data(), &length);
    atr.resize(length);
    return rv;
  }

  RESPONSECODE transmit(Bytes command, Bytes& response, DWORD room = 65'548) {
    response.assign(room, 0);
    DWORD length = room;
    SCARD_IO_HEADER pci{0, 16};
    const RESPONSECODE rv = IFDHTransmitToICC(kLun, pci, command.data(), command.size(),
                                              response.data(), &length, &pci);
    response.resize(length);
    return rv;
  }
};

using WaitFunction = RESPONSECODE(DWORD, int);
using StopFunction = RESPONSECODE(DWORD);

TEST_F(IfdHandler, ServesACard) {
  ASSERT_EQ(open(), IFD_SUCCESS);
  EXPECT_EQ(IFDHICCPresence(kLun), IFD_ICC_NOT_PRESENT);
  fake().insert(0, kAtr, [](ByteView) { return kOk; });
  EXPECT_EQ(IFDHICCPresence(kLun), IFD_ICC_PRESENT);
  Bytes bytes;
  ASSERT_EQ(power_up(bytes), IFD_SUCCESS);
  EXPECT_EQ(bytes, kAtr);
  EXPECT_EQ(IFDHSetProtocolParameters(kLun, 1, 0, 0, 0, 0), IFD_SUCCESS);
  EXPECT_EQ(transmit(kCommand, bytes), IFD_SUCCESS);
  EXPECT_EQ(bytes, kOk);
  EXPECT_EQ(transmit(kCommand, bytes, 1), IFD_SUCCESS);
  EXPECT_EQ(bytes.size(), 2U) << "the length that did not fit";
  EXPECT_EQ(transmit({}, bytes), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(IFDHCloseChannel(kLun), IFD_SUCCESS);
  EXPECT_EQ(fake().seen(Command::power_off).size(), 1U);
  EXPECT_EQ(IFDHICCPresence(kLun), IFD_COMMUNICATION_ERROR);
}

TEST_F(IfdHandler, PassesOnWhyAReaderCannotBeOpened) {
  g_world.refusal = IFD_NO_SUCH_DEVICE;
  EXPECT_EQ(open(), IFD_NO_SUCH_DEVICE);
  EXPECT_EQ(IFDHICCPresence(kLun), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(IFDHCreateChannel(kLun, 0x200000), IFD_COMMUNICATION_ERROR);
}

TEST_F(IfdHandler, RefusesCharacterLevel) {
  EXPECT_EQ(open({.level = ExchangeLevel::character}), IFD_COMMUNICATION_ERROR);
}

TEST_F(IfdHandler, RefusesAReaderThatIsGone) {
  g_world.fake = std::make_shared<FakeReader>(DescriptorFields());
  fake().unplug();
  EXPECT_EQ(open(), IFD_NO_SUCH_DEVICE);
}

TEST_F(IfdHandler, OpensTheSlotsOfOneReader) {
  const DescriptorFields fields{.slots = 2};
  ASSERT_EQ(open(fields), IFD_SUCCESS);
  EXPECT_EQ(open(fields), IFD_COMMUNICATION_ERROR) << "twice";
  EXPECT_EQ(open(fields, 1, "usb:b"), IFD_COMMUNICATION_ERROR) << "another device";
  EXPECT_EQ(open(fields, 2), IFD_COMMUNICATION_ERROR) << "no such slot";
  ASSERT_EQ(open(fields, 1), IFD_SUCCESS);
  EXPECT_EQ(capability(TAG_IFD_SLOTS_NUMBER), Bytes{2});
  EXPECT_EQ(capability(TAG_IFD_SLOTNUM, 1), Bytes{1});
  fake().insert(1, kAtr, {});
  EXPECT_EQ(IFDHICCPresence(kLun), IFD_ICC_NOT_PRESENT);
  EXPECT_EQ(IFDHICCPresence(kLun + 1), IFD_ICC_PRESENT);
  EXPECT_EQ(IFDHCloseChannel(kLun), IFD_SUCCESS);
  EXPECT_EQ(IFDHICCPresence(kLun + 1), IFD_ICC_PRESENT);
}

TEST_F(IfdHandler, AnswersTheHostsTags) {
  ASSERT_EQ(open(), IFD_SUCCESS);
  EXPECT_EQ(capability(TAG_IFD_SIMULTANEOUS_ACCESS), Bytes{255});
  EXPECT_EQ(capability(TAG_IFD_THREAD_SAFE), Bytes{1});
  EXPECT_EQ(capability(TAG_IFD_SLOT_THREAD_SAFE), Bytes{0});
  EXPECT_EQ(capability(TAG_IFD_SLOTS_NUMBER), Bytes{1});
  EXPECT_EQ(capability(TAG_IFD_DEVICE_REMOVED), Bytes{1});
  EXPECT_TRUE(capability(TAG_IFD_POLLING_THREAD_KILLABLE).empty());
  EXPECT_EQ(capability(TAG_IFD_POLLING_THREAD_WITH_TIMEOUT).size(), 8U);
}

TEST_F(IfdHandler, LeavesPollingToTheHostWithoutAnInterruptEndpoint) {
  ASSERT_EQ(open({.interrupt = false}), IFD_SUCCESS);
  EXPECT_TRUE(capability(TAG_IFD_POLLING_THREAD_WITH_TIMEOUT).empty());
  EXPECT_TRUE(capability(TAG_IFD_STOP_POLLING_THREAD).empty());
}

TEST_F(IfdHandler, SlotsThatAreIndependentSaySo) {
  ASSERT_EQ(open({.slots = 2, .busy_slots = 2}), IFD_SUCCESS);
  EXPECT_EQ(capability(TAG_IFD_SLOT_THREAD_SAFE), Bytes{1});
}

TEST_F(IfdHandler, AnswersTheClientsAttributes) {
  ASSERT_EQ(open(), IFD_SUCCESS);
  EXPECT_EQ(capability(SCARD_ATTR_VENDOR_NAME), (Bytes{'M', 'a', 'k', 'e', 'r', 0}));
  EXPECT_EQ(capability(SCARD_ATTR_VENDOR_IFD_SERIAL_NO), (Bytes{'S', '1', 0}));
  EXPECT_EQ(capability(SCARD_ATTR_VENDOR_IFD_VERSION), (Bytes{0, 0, 3, 2}));
  EXPECT_EQ(capability(SCARD_ATTR_MAXINPUT), (Bytes{0x05, 0x01, 0, 0}));
  EXPECT_EQ(capability(SCARD_ATTR_ICC_PRESENCE), Bytes{0});
  fake().insert(0, kAtr, {});
  EXPECT_EQ(capability(SCARD_ATTR_ICC_PRESENCE), Bytes{2});
  EXPECT_EQ(capability(SCARD_ATTR_ICC_INTERFACE_STATUS), Bytes{0});
  Bytes atr;
  ASSERT_EQ(power_up(atr), IFD_SUCCESS);
  EXPECT_EQ(capability(SCARD_ATTR_ATR_STRING), kAtr);
  EXPECT_EQ(capability(TAG_IFD_ATR), kAtr);
  EXPECT_EQ(capability(SCARD_ATTR_ICC_INTERFACE_STATUS), Bytes{1});
  DWORD length = 1;
  UCHAR byte = 0;
  EXPECT_EQ(IFDHGetCapabilities(kLun, SCARD_ATTR_ATR_STRING, &length, &byte),
            IFD_ERROR_INSUFFICIENT_BUFFER);
  EXPECT_EQ(IFDHGetCapabilities(kLun, 0x12345678, &length, &byte), IFD_ERROR_TAG);
  EXPECT_EQ(IFDHSetCapabilities(kLun, 0x12345678, 1, &byte), IFD_ERROR_TAG);
}

TEST_F(IfdHandler, WaitsForCardsUntilStopped) {
  ASSERT_EQ(open(), IFD_SUCCESS);
  WaitFunction* const wait = function<WaitFunction>(TAG_IFD_POLLING_THREAD_WITH_TIMEOUT);
  StopFunction* const stop = function<StopFunction>(TAG_IFD_STOP_POLLING_THREAD);
  ASSERT_NE(wait, nullptr);
  ASSERT_NE(stop, nullptr);
  std::future<RESPONSECODE> waiting =
      std::async(std::launch::async, [wait] { return wait(kLun, 600'000); });
  fake().wait_until_reading_interrupt();
  fake().insert(0, kAtr, {});
  EXPECT_EQ(waiting.get(), IFD_SUCCESS);
  EXPECT_EQ(stop(kLun), IFD_SUCCESS);
  EXPECT_EQ(wait(kLun, 600'000), IFD_SUCCESS) << "stopped before it began";
  EXPECT_EQ(wait(kLun, 0), IFD_SUCCESS);
}

TEST_F(IfdHandler, LooksAgainAfterACardWasExchanged) {
  ASSERT_EQ(open(), IFD_SUCCESS);
  WaitFunction* const wait = function<WaitFunction>(TAG_IFD_POLLING_THREAD_WITH_TIMEOUT);
  fake().insert(0, kAtr, {});
  EXPECT_EQ(wait(kLun, 600'000), IFD_SUCCESS);
  Bytes atr;
  ASSERT_EQ(power_up(atr), IFD_SUCCESS);
  fake().swap(0);
  EXPECT_EQ(wait(kLun, 600'000), IFD_SUCCESS);
  EXPECT_EQ(IFDHICCPresence(kLun), IFD_ICC_NOT_PRESENT);
  EXPECT_EQ(wait(kLun, 600'000), IFD_SUCCESS) << "at once, without a message";
  EXPECT_EQ(IFDHICCPresence(kLun), IFD_ICC_PRESENT);
}

TEST_F(IfdHandler, EndsEverythingWhenTheHostSawTheDeviceLeave) {
  ASSERT_EQ(open(), IFD_SUCCESS);
  WaitFunction* const wait = function<WaitFunction>(TAG_IFD_POLLING_THREAD_WITH_TIMEOUT);
  fake().hold(0);
  std::future<RESPONSECODE> presence =
      std::async(std::launch::async, [] { return IFDHICCPresence(kLun); });
  fake().wait_until_seen(2);  // warm-up and this one
  std::future<RESPONSECODE> waiting =
      std::async(std::launch::async, [wait] { return wait(kLun, 600'000); });
  fake().wait_until_reading_interrupt();
  UCHAR yes = 1;
  EXPECT_EQ(IFDHSetCapabilities(kLun, TAG_IFD_DEVICE_REMOVED, 1, &yes), IFD_SUCCESS);
  EXPECT_EQ(waiting.get(), IFD_NO_SUCH_DEVICE);
  fake().release(0);
  (void)presence.get();  // it may have been answered before
  EXPECT_EQ(IFDHICCPresence(kLun), IFD_ICC_NOT_PRESENT);
  Bytes bytes;
  EXPECT_EQ(transmit(kCommand, bytes), IFD_NO_SUCH_DEVICE);
}

TEST_F(IfdHandler, ControlsWhatTheReaderHas) {
  ASSERT_EQ(open({.pin_support = 1}), IFD_SUCCESS);
  Bytes answer;
  for (const DWORD code : {kControlGetFeatures, kControlGetFeaturesWindows}) {
    EXPECT_EQ(control(code, {}, answer), IFD_SUCCESS);
    EXPECT_EQ(answer.size(), 18U);
    EXPECT_EQ(control(code, {}, answer, 35), IFD_ERROR_INSUFFICIENT_BUFFER);
    EXPECT_TRUE(answer.empty());
  }
  EXPECT_EQ(control(kControlPinProperties, {}, answer), IFD_SUCCESS);
  EXPECT_EQ(answer.size(), 4U);
  EXPECT_EQ(control(kControlTlvProperties, {}, answer), IFD_SUCCESS);
  EXPECT_EQ(control(kControlTlvProperties, {}, answer, 5), IFD_ERROR_INSUFFICIENT_BUFFER);
  EXPECT_EQ(control(kControlModifyPin, {}, answer), IFD_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(control(0x42001234, {}, answer), IFD_ERROR_NOT_SUPPORTED);
}

TEST_F(IfdHandler, VerifiesAPinAtTheReader) {
  ASSERT_EQ(open({.pin_support = 3}), IFD_SUCCESS);
  fake().insert(0, kAtr, [](ByteView) { return kOk; });
  fake().set_pinpad([](ByteView data) { return Bytes{0x63, low_byte(0xC0U | data[0])}; });
  Bytes bytes;
  ASSERT_EQ(power_up(bytes), IFD_SUCCESS);
  Bytes structure(24);
  structure[15] = 5;
  EXPECT_EQ(control(kControlVerifyPin, structure, bytes), IFD_SUCCESS);
  EXPECT_EQ(bytes, (Bytes{0x63, 0xC0}));
  Bytes change(29);
  change[20] = 5;
  EXPECT_EQ(control(kControlModifyPin, change, bytes), IFD_SUCCESS);
  EXPECT_EQ(bytes, (Bytes{0x63, 0xC1}));
  EXPECT_EQ(control(kControlVerifyPin, {1, 2, 3}, bytes), IFD_COMMUNICATION_ERROR);
}

TEST_F(IfdHandler, SendsEscapeCommandsOnlyIfAllowed) {
  ASSERT_EQ(open(), IFD_SUCCESS);
  Bytes answer;
  EXPECT_EQ(control(kControlEscape, {1, 2}, answer), IFD_COMMUNICATION_ERROR);
  EXPECT_TRUE(fake().seen(Command::escape).empty());
  ASSERT_EQ(IFDHCloseChannel(kLun), IFD_SUCCESS);
  g_world.options.escape_allowed = true;
  ASSERT_EQ(open(), IFD_SUCCESS);
  EXPECT_EQ(control(kControlEscape, {1, 2}, answer), IFD_SUCCESS);
  EXPECT_EQ(answer, (Bytes{1, 2}));
}

TEST_F(IfdHandler, RefusesNullAndUnknownChannels) {
  set_reader_opener_for_test(nullptr);
  EXPECT_EQ(IFDHCreateChannelByName(kLun, nullptr), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(IFDHGetCapabilities(kLun, TAG_IFD_ATR, nullptr, nullptr), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(IFDHControl(kLun, 1, nullptr, 0, nullptr, 0, nullptr), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(IFDHCloseChannel(kLun), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(IFDHSetProtocolParameters(kLun, 1, 0, 0, 0, 0), IFD_COMMUNICATION_ERROR);
}

}  // namespace
}  // namespace cardea::ccid
