#include "drivers/ccid/device_name.hpp"

#include <gtest/gtest.h>

namespace cardea::ccid {
namespace {

TEST(DeviceName, ReadsTheLibudevForm) {
  const auto name = parse_device_name("usb:08e6/3437:libudev:1:/dev/bus/usb/008/047");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->vendor_id, 0x08E6);
  EXPECT_EQ(name->product_id, 0x3437);
  EXPECT_EQ(name->bus, 8U);
  EXPECT_EQ(name->address, 47U);
  EXPECT_EQ(name->interface, 1U);
  EXPECT_FALSE(name->interface_is_index);
}

TEST(DeviceName, ReadsTheLibusbForm) {
  const auto name = parse_device_name("usb:08e6/3437:libusb-1.0:7:99:2");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->bus, 7U);
  EXPECT_EQ(name->address, 99U);
  EXPECT_EQ(name->interface, 2U);
  EXPECT_TRUE(name->interface_is_index);
}

class WrongName : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(
    Names, WrongName,
    testing::Values("", "usb:", "virtual:slots=1", "usb:08e6/3437", "usb:08e6/3437:",
                    "usb:08e6/3437:libudev:0:/dev/bus/usb/008", "usb:08e6/13437:libusb-1.0:7:9:2",
                    "usb:08e6/3437:libusb-1.0:7:99", "usb:08e6/3437:libusb-1.0:7:99:256",
                    "usb:08e6/3437:libusb-1.0:7:99:0x", "usb:08e6/3437:libusb-1.0:-7:99:0",
                    "usb:08e6/3437:libusb-0.1:7:99:0", "usb:g8e6/3437:libusb-1.0:7:99:0",
                    "usb:08e6/3437:libudev:0:/dev/bus/usb/99999999999/1"));

TEST_P(WrongName, IsRefused) { EXPECT_FALSE(parse_device_name(GetParam()).has_value()); }

}  // namespace
}  // namespace cardea::ccid
