#include "drivers/virtual/device_name.hpp"

#include <gtest/gtest.h>

#include <string>

namespace cardea::virtual_reader {
namespace {

TEST(DeviceName, NeedsNoKeyAtAll) {
  const Result<ReaderSettings> settings = parse_device_name("virtual:");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->slots, 1U);
  EXPECT_EQ(settings->card, CardKind::hello);
  EXPECT_EQ(settings->atr, AtrKind::t01);
  EXPECT_EQ(settings->control, "");
  EXPECT_FALSE(settings->vpcd_port);
  EXPECT_EQ(settings->poll, PollMode::event);
}

TEST(DeviceName, SetsEveryKey) {
  const Result<ReaderSettings> settings =
      parse_device_name("virtual:slots=255:card=mute:atr=t0:control=/run/v.sock:poll=timer");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->slots, 255U);
  EXPECT_EQ(settings->card, CardKind::mute);
  EXPECT_EQ(settings->atr, AtrKind::t0);
  EXPECT_EQ(settings->control, "/run/v.sock");
  EXPECT_EQ(settings->poll, PollMode::timer);
}

TEST(DeviceName, TakesKeysInAnyOrder) {
  const Result<ReaderSettings> settings = parse_device_name("virtual:card=none:slots=2");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->card, CardKind::none);
  EXPECT_EQ(settings->slots, 2U);
}

TEST(DeviceName, StartsVpcdSlotsEmpty) {
  const Result<ReaderSettings> settings = parse_device_name("virtual:slots=2:vpcd=65534");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->vpcd_port, 65534);
  EXPECT_EQ(settings->card, CardKind::none);
  EXPECT_EQ(parse_device_name("virtual:slots=255:vpcd=0")->vpcd_port, 0);
}

struct BadName {
  std::string name;
  std::string problem;
};

class BadDeviceName : public testing::TestWithParam<BadName> {};

TEST_P(BadDeviceName, IsRefusedWithItsReason) {
  const Result<ReaderSettings> settings = parse_device_name(GetParam().name);
  ASSERT_FALSE(settings) << GetParam().name;
  EXPECT_EQ(settings.error().context, GetParam().problem);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadDeviceName,
    testing::Values(BadName{"", "the name does not start with 'virtual:'"},
                    BadName{"/dev/null:0x8C7B", "the name does not start with 'virtual:'"},
                    BadName{"\"virtual:\"", "the name does not start with 'virtual:'"},
                    BadName{"virtual:slots", "'slots' is not key=value"},
                    BadName{"virtual::slots=1", "'' is not key=value"},
                    BadName{"virtual:slots=1:x\ny", "'x\\x0Ay' is not key=value"},
                    BadName{"virtual:slot=1", "unknown key 'slot'"},
                    BadName{"virtual:SLOTS=1", "unknown key 'SLOTS'"},
                    BadName{"virtual:slots=1:slots=1", "key 'slots' is given twice"},
                    BadName{"virtual:slots=", "slots is not a number of 1..255"},
                    BadName{"virtual:slots=0", "slots is not a number of 1..255"},
                    BadName{"virtual:slots=256", "slots is not a number of 1..255"},
                    BadName{"virtual:slots=-1", "slots is not a number of 1..255"},
                    BadName{"virtual:slots=2x", "slots is not a number of 1..255"},
                    BadName{"virtual:slots=99999999999999999999",
                            "slots is not a number of 1..255"},
                    BadName{"virtual:card=visa", "card is not hello, none or mute"},
                    BadName{"virtual:atr=t2", "atr is not t0, t1 or t01"},
                    BadName{"virtual:control=v.sock", "control is not an absolute path"},
                    BadName{"virtual:control=", "control is not an absolute path"},
                    BadName{"virtual:control=/" + std::string(107, 'x'),
                            "control is longer than 107 characters"},
                    BadName{"virtual:vpcd=65536", "vpcd is not a port number of 0..65535"},
                    BadName{"virtual:slots=3:vpcd=65534", "vpcd and slots need ports above 65535"},
                    BadName{"virtual:vpcd=0:card=hello",
                            "card and atr make no sense with vpcd: the card comes over TCP"},
                    BadName{"virtual:vpcd=0:atr=t01",
                            "card and atr make no sense with vpcd: the card comes over TCP"},
                    BadName{"virtual:poll=never", "poll is not event or timer"}));

}  // namespace
}  // namespace cardea::virtual_reader
