#include "drivers/ccid/pin.hpp"

#include <gtest/gtest.h>

namespace cardea::ccid {
namespace {

const Bytes kVerifyApdu{0x00, 0x20, 0x00, 0x01, 0x08, 0xFF, 0xFF, 0xFF};

Bytes verify_structure() {
  Bytes bytes{30,   60,   0x82, 0x04, 0x00,  // times, format
              0x08, 0x04,                    // wPINMaxExtraDigit: 4 to 8
              0x03, 0x01, 0x09, 0x04, 0x05,  // condition, messages, language, index
              0x01, 0x02, 0x03,              // prologue
              8,    0,    0,    0};
  append(bytes, kVerifyApdu);
  return bytes;
}

Bytes modify_structure(std::uint8_t messages) {
  Bytes bytes{200,  60,   0x82, 0x04, 0x00,     0x01, 0x09,  // times, format, offsets
              0x08, 0x04, 0x03, 0x02, messages,              // digits, confirm, condition
              0x09, 0x04, 0x11, 0x12, 0x13,                  // language, indices
              0x01, 0x02, 0x03, 8,    0,        0,    0};
  append(bytes, kVerifyApdu);
  return bytes;
}

TEST(Pin, VerificationLeavesOutWhatOnlyThePcKnows) {
  const IfdResult<PinBlock> pin = pin_verification(verify_structure());
  ASSERT_TRUE(pin.has_value());
  Bytes expected{0x00, 30,   0x82, 0x04, 0x00, 0x08, 0x04, 0x03,
                 0x01, 0x09, 0x04, 0x05, 0x01, 0x02, 0x03};
  append(expected, kVerifyApdu);
  EXPECT_EQ(pin->data, expected);
  EXPECT_EQ(pin->prologue_offset, 12U);
  EXPECT_EQ(pin->apdu_bytes, 8U);
  EXPECT_EQ(pin->timeout_ms, 90'000);
}

TEST(Pin, ModificationHasAsManyMessageIndicesAsMessages) {
  for (const auto& [messages, indices] :
       {std::pair<std::uint8_t, unsigned>{0, 1}, {1, 1}, {2, 2}, {3, 3}, {0xFF, 3}}) {
    SCOPED_TRACE(int{messages});
    const IfdResult<PinBlock> pin = pin_modification(modify_structure(messages));
    ASSERT_TRUE(pin.has_value());
    Bytes expected{0x01, 200,  0x82, 0x04, 0x00,     0x01, 0x09,
                   0x08, 0x04, 0x03, 0x02, messages, 0x09, 0x04};
    for (unsigned i = 0; i < indices; ++i) expected.push_back(low_byte(0x11 + i));
    EXPECT_EQ(pin->prologue_offset, expected.size());
    append(expected, Bytes{0x01, 0x02, 0x03});
    append(expected, kVerifyApdu);
    EXPECT_EQ(pin->data, expected);
    EXPECT_EQ(pin->timeout_ms, 210'000);
  }
}

TEST(Pin, NumbersInBigEndianAreTurned) {
  Bytes structure = verify_structure();
  std::swap(structure[5], structure[6]);
  std::swap(structure[9], structure[10]);
  std::swap(structure[15], structure[18]);
  EXPECT_EQ(pin_verification(structure)->data, pin_verification(verify_structure())->data);
}

TEST(Pin, AnImpossibleValidationConditionBecomesTheKey) {
  for (const unsigned condition : {0x00U, 0x08U, 0xFFU}) {
    Bytes structure = verify_structure();
    structure[7] = low_byte(condition);
    EXPECT_EQ(pin_verification(structure)->data[7], 0x02);
  }
}

TEST(Pin, LengthsHaveToFit) {
  const Bytes good = verify_structure();
  EXPECT_EQ(pin_verification({}).error(), IFD_COMMUNICATION_ERROR);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(pin_verification(ByteView(good).first(size)).has_value()) << size;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(pin_verification(longer).has_value());
  const Bytes modify = modify_structure(3);
  EXPECT_FALSE(pin_modification(ByteView(modify).first(27)).has_value());
  EXPECT_FALSE(pin_modification(good).has_value());
}

}  // namespace
}  // namespace cardea::ccid
