#include "drivers/ccid/ccid_message.hpp"

#include <gtest/gtest.h>

namespace cardea::ccid {
namespace {

TEST(CcidMessage, HasTheHeaderOfTheSpecification) {
  const Bytes data{0xAA, 0xBB};
  EXPECT_EQ(encode({Command::transfer_block, 2, {1, 0x10, 0x20}, data}, 0x7F),
            (Bytes{0x6F, 2, 0, 0, 0, 2, 0x7F, 1, 0x10, 0x20, 0xAA, 0xBB}));
  EXPECT_EQ(encode({Command::get_slot_status, 0, {}, {}}, 0xFF),
            (Bytes{0x65, 0, 0, 0, 0, 0, 0xFF, 0, 0, 0}));
  EXPECT_EQ(encode({Command::power_on, 0, {}, Bytes(0x12345)}, 0).size(), 0x12345U + 10U);
}

TEST(CcidMessage, ReadsAnAnswer) {
  const auto answer = decode_answer(Bytes{0x80, 2, 0, 0, 0, 1, 9, 0x41, 0xFE, 3, 0x90, 0x00});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->type, 0x80);
  EXPECT_EQ(answer->slot, 1);
  EXPECT_EQ(answer->sequence, 9);
  EXPECT_EQ(answer->icc(), IccStatus::inactive);
  EXPECT_TRUE(answer->failed());
  EXPECT_FALSE(answer->asks_for_time());
  EXPECT_EQ(answer->error, kErrorMute);
  EXPECT_EQ(answer->chain, 3);
  EXPECT_EQ(answer->data, (Bytes{0x90, 0x00}));
}

TEST(CcidMessage, IgnoresPaddingButNotMissingData) {
  const Bytes raw{0x80, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x90, 0x00, 0xCC};
  EXPECT_EQ(decode_answer(raw)->data, (Bytes{0x90, 0x00}));
  for (std::size_t size = 0; size < 12; ++size) {
    EXPECT_FALSE(decode_answer(ByteView(raw).first(size)).has_value()) << size;
  }
  EXPECT_FALSE(decode_answer(Bytes{0x80, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0}).has_value());
}

TEST(CcidMessage, KnowsWhichAnswerBelongsToACommand) {
  Answer answer;
  answer.type = 0x81;
  EXPECT_TRUE(fits(answer, Command::get_slot_status));
  EXPECT_TRUE(fits(answer, Command::abort));
  EXPECT_FALSE(fits(answer, Command::transfer_block));
  answer.status = 0x40;
  EXPECT_TRUE(fits(answer, Command::transfer_block));
  answer.status = 0x80;
  EXPECT_FALSE(fits(answer, Command::transfer_block));
  answer.type = 0x82;
  EXPECT_TRUE(fits(answer, Command::set_parameters));
  answer.type = 0x83;
  EXPECT_TRUE(fits(answer, Command::escape));
}

}  // namespace
}  // namespace cardea::ccid
