#include "drivers/ccid/features.hpp"

#include <gtest/gtest.h>

#include "tests/unit/drivers/ccid/fake_reader.hpp"

namespace cardea::ccid {
namespace {

Bytes features_of(std::uint8_t pin_support, bool escape_allowed) {
  return feature_list(usb_interface({.pin_support = pin_support}).descriptor, escape_allowed);
}

const Bytes kTlv{0x12, 4, 0x42, 0x33, 0x00, 0x12};
const Bytes kVerify{0x06, 4, 0x42, 0x33, 0x00, 0x06};
const Bytes kModify{0x07, 4, 0x42, 0x33, 0x00, 0x07};
const Bytes kProperties{0x0A, 4, 0x42, 0x33, 0x00, 0x0A};
const Bytes kEscape{0x13, 4, 0x42, 0x00, 0x00, 0x01};

Bytes join(std::initializer_list<Bytes> records) {
  Bytes all;
  for (const Bytes& record : records) append(all, record);
  return all;
}

TEST(Features, AreListedByWhatTheReaderHas) {
  EXPECT_EQ(features_of(0, false), kTlv);
  EXPECT_EQ(features_of(0, true), join({kTlv, kEscape}));
  EXPECT_EQ(features_of(1, false), join({kVerify, kProperties, kTlv}));
  EXPECT_EQ(features_of(2, false), join({kModify, kProperties, kTlv}));
  EXPECT_EQ(features_of(3, true), join({kVerify, kModify, kProperties, kTlv, kEscape}));
  EXPECT_LE(features_of(0xFF, true).size(), kFeatureListRoomMin);
}

TEST(Features, PinPropertiesHaveFourBytes) {
  EXPECT_EQ(pin_properties(usb_interface({}).descriptor), (Bytes{0x10, 0x01, 0x07, 0x00}));
}

TEST(Features, TlvPropertiesAreLittleEndian) {
  const UsbInterface with_display = usb_interface({.level = ExchangeLevel::extended_apdu});
  EXPECT_EQ(tlv_properties(with_display, true), join({{1, 2, 0x10, 0x01},
                                                      {4, 2, 0x10, 0},
                                                      {5, 2, 1, 0},
                                                      {3, 1, 0},
                                                      {9, 1, 1},
                                                      {11, 2, 0x34, 0x12},
                                                      {12, 2, 0x78, 0x56},
                                                      {10, 4, 0, 0, 1, 0}}));
  UsbInterface plain = usb_interface({});
  plain.descriptor.lcd_layout = 0;
  EXPECT_EQ(tlv_properties(plain, false), join({{1, 2, 0, 0},
                                                {3, 1, 0},
                                                {9, 1, 0},
                                                {11, 2, 0x34, 0x12},
                                                {12, 2, 0x78, 0x56},
                                                {10, 4, 0, 0, 0, 0}}))
      << "no display, no extended APDUs";
}

}  // namespace
}  // namespace cardea::ccid
