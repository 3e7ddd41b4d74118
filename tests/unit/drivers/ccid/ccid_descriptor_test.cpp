#include "drivers/ccid/ccid_descriptor.hpp"

#include <gtest/gtest.h>

#include "tests/unit/drivers/ccid/fake_reader.hpp"

namespace cardea::ccid {
namespace {

TEST(CcidDescriptor, ReadsItsFields) {
  const auto descriptor = parse_class_descriptor(class_descriptor({.level = ExchangeLevel::tpdu,
                                                                   .features = 0x408,
                                                                   .slots = 3,
                                                                   .busy_slots = 2,
                                                                   .voltages = 5,
                                                                   .max_message_bytes = 300,
                                                                   .pin_support = 3,
                                                                   .max_ifsd = 252}));
  ASSERT_TRUE(descriptor.has_value());
  EXPECT_EQ(descriptor->version_bcd, 0x0110);
  EXPECT_EQ(descriptor->slots, 3);
  EXPECT_EQ(descriptor->voltages, 5);
  EXPECT_EQ(descriptor->default_clock_khz, 4000U);
  EXPECT_EQ(descriptor->default_rate_bps, 10'752U);
  EXPECT_EQ(descriptor->max_rate_bps, 344'086U);
  EXPECT_EQ(descriptor->max_ifsd, 252U);
  EXPECT_EQ(descriptor->max_message_bytes, 300U);
  EXPECT_EQ(descriptor->max_data_bytes(), 290U);
  EXPECT_EQ(descriptor->lcd_layout, 0x0110);
  EXPECT_EQ(descriptor->pin_support, 3);
  EXPECT_EQ(descriptor->max_busy_slots, 2);
  EXPECT_TRUE(descriptor->has(Feature::automatic_voltage));
  EXPECT_TRUE(descriptor->has(Feature::automatic_ifsd));
  EXPECT_FALSE(descriptor->has(Feature::automatic_pps));
}

TEST(CcidDescriptor, TellsTheExchangeLevels) {
  for (const ExchangeLevel level : {ExchangeLevel::character, ExchangeLevel::tpdu,
                                    ExchangeLevel::short_apdu, ExchangeLevel::extended_apdu}) {
    EXPECT_EQ(parse_class_descriptor(class_descriptor({.level = level}))->level(), level);
  }
}

TEST(CcidDescriptor, IsFoundBehindOtherDescriptors) {
  Bytes extra{3, 0x30, 0xFF, 4, 0x24, 0, 0};
  append(extra, class_descriptor({.slots = 2}));
  const auto descriptor = parse_class_descriptor(extra);
  ASSERT_TRUE(descriptor.has_value());
  EXPECT_EQ(descriptor->slots, 2);
}

TEST(CcidDescriptor, OtherLengthsAreRefused) {
  const Bytes good = class_descriptor({});
  EXPECT_FALSE(parse_class_descriptor({}).has_value());
  for (std::size_t size = 1; size < good.size(); ++size) {
    EXPECT_FALSE(parse_class_descriptor(ByteView(good).first(size)).has_value()) << size;
  }
  Bytes longer = good;
  longer[0] = 55;
  longer.push_back(0);
  EXPECT_FALSE(parse_class_descriptor(longer).has_value());
  Bytes endless{0, 0x21};
  append(endless, good);
  EXPECT_FALSE(parse_class_descriptor(endless).has_value());
}

TEST(CcidDescriptor, ExtremeValuesAreBounded) {
  Bytes raw = class_descriptor({.busy_slots = 0, .max_message_bytes = 0xFFFF'FFFF});
  raw[4] = 0xFF;
  const auto descriptor = parse_class_descriptor(raw);
  ASSERT_TRUE(descriptor.has_value());
  EXPECT_EQ(descriptor->slots, 255);
  EXPECT_EQ(descriptor->max_message_bytes, kMessageBytesMax);
  EXPECT_EQ(descriptor->max_busy_slots, 1);
  EXPECT_FALSE(parse_class_descriptor(class_descriptor({.max_message_bytes = 14})).has_value());
}

}  // namespace
}  // namespace cardea::ccid
