#include "drivers/ccid/t1_block.hpp"

#include <gtest/gtest.h>

namespace cardea::ccid {
namespace {

TEST(T1Block, IsFramedByPrologueAndLrc) {
  EXPECT_EQ(encode(information_block(1, /*more=*/true, Bytes{0x12, 0x34}), false),
            (Bytes{0x00, 0x60, 0x02, 0x12, 0x34, 0x44}));
  EXPECT_EQ(encode(receive_ready_block(1, T1Complaint::checksum), false),
            (Bytes{0x00, 0x91, 0x00, 0x91}));
  EXPECT_EQ(encode(supervisory_block(T1Supervisory::ifs, false, Bytes{0xFE}), false),
            (Bytes{0x00, 0xC1, 0x01, 0xFE, 0x3E}));
  EXPECT_EQ(encode(supervisory_block(T1Supervisory::resynch, false), false),
            (Bytes{0x00, 0xC0, 0x00, 0xC0}));
}

TEST(T1Block, CanEndInACrc) {
  // CRC-16 with the reflected polynomial 0x8408 and preset 0xFFFF ("123456789": 0x6F91).
  const Bytes raw = encode(information_block(1, /*more=*/false, Bytes{0x12, 0x34}), true);
  EXPECT_EQ(raw, (Bytes{0x00, 0x40, 0x02, 0x12, 0x34, 0x42, 0x01}));
  EXPECT_TRUE(decode_block(raw, true).has_value());
  EXPECT_FALSE(decode_block(raw, false).has_value());
}

TEST(T1Block, ReadsBackWhatItWrote) {
  for (const bool uses_crc : {false, true}) {
    const Bytes inf(254, 0xA5);
    const std::optional<T1Block> block =
        decode_block(encode(information_block(1, false, inf), uses_crc), uses_crc);
    ASSERT_TRUE(block.has_value());
    EXPECT_EQ(block->kind(), T1Kind::information);
    EXPECT_EQ(block->sequence(), 1U);
    EXPECT_FALSE(block->more());
    EXPECT_EQ(block->inf, inf);
  }
}

TEST(T1Block, EveryDamagedByteIsSeen) {
  for (const bool uses_crc : {false, true}) {
    const Bytes good = encode(information_block(0, true, Bytes{1, 2, 3, 4}), uses_crc);
    for (std::size_t at = 0; at < good.size(); ++at) {
      Bytes bad = good;
      bad[at] ^= 0x10U;
      EXPECT_FALSE(decode_block(bad, uses_crc).has_value()) << at;
    }
    for (std::size_t size = 0; size < good.size(); ++size) {
      EXPECT_FALSE(decode_block(ByteView(good).first(size), uses_crc).has_value()) << size;
    }
  }
}

TEST(T1Block, ReservedPcbsAndLengthsAreRefused) {
  const auto decodes = [](std::uint8_t pcb, const Bytes& inf) {
    return decode_block(encode(T1Block{pcb, inf}, false), false).has_value();
  };
  EXPECT_FALSE(decodes(0x01, {1}));  // an I-block with low bits
  EXPECT_FALSE(decodes(0xA0, {}));   // R-block, reserved bit
  EXPECT_FALSE(decodes(0x83, {}));   // R-block, unknown complaint
  EXPECT_FALSE(decodes(0x80, {1}));  // R-block with data
  EXPECT_FALSE(decodes(0xC3, {}));   // WTX without its byte
  EXPECT_FALSE(decodes(0xC0, {1}));  // RESYNCH with one
  EXPECT_FALSE(decodes(0xC4, {}));   // unknown S-block
  EXPECT_FALSE(decodes(0x00, Bytes(255, 0)));
  EXPECT_TRUE(decodes(0x00, Bytes(254, 0)));
  EXPECT_TRUE(decodes(0xE3, {1}));
}

}  // namespace
}  // namespace cardea::ccid
