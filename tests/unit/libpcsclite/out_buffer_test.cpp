#include "libpcsclite/out_buffer.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace cardea {
namespace {

constexpr std::array kData{std::byte{1}, std::byte{2}, std::byte{3}};

TEST(OutBuffer, CopiesWhatFits) {
  std::array<unsigned char, 4> buffer{9, 9, 9, 9};
  EXPECT_EQ(give_bytes(kData, buffer.data(), buffer.size(), WhenShort::nothing), ScardRv::success);
  EXPECT_EQ(buffer, (std::array<unsigned char, 4>{1, 2, 3, 9}));
}

TEST(OutBuffer, AnswersAQueryForTheSize) {
  EXPECT_EQ(give_bytes(kData, nullptr, 0, WhenShort::nothing), ScardRv::success);
}

TEST(OutBuffer, GivesAShortBufferNothingOrTheFirstBytes) {
  std::array<unsigned char, 2> buffer{9, 9};
  EXPECT_EQ(give_bytes(kData, buffer.data(), 2, WhenShort::nothing), ScardRv::insufficient_buffer);
  EXPECT_EQ(buffer, (std::array<unsigned char, 2>{9, 9}));
  EXPECT_EQ(give_bytes(kData, buffer.data(), 2, WhenShort::first_bytes),
            ScardRv::insufficient_buffer);
  EXPECT_EQ(buffer, (std::array<unsigned char, 2>{1, 2}));
}

TEST(OutBuffer, AllocatesABlockThatFreeTakes) {
  unsigned char* block = nullptr;
  EXPECT_EQ(give_bytes(kData, &block, SCARD_AUTOALLOCATE, WhenShort::nothing), ScardRv::success);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(std::memcmp(block, kData.data(), kData.size()), 0);
  std::free(block);
}

TEST(OutBuffer, CannotAllocateIntoNothing) {
  EXPECT_EQ(give_bytes(kData, nullptr, SCARD_AUTOALLOCATE, WhenShort::nothing),
            ScardRv::invalid_parameter);
}

TEST(OutBuffer, TakesThirtyTwoBitsOfOnesForALength) {
  std::array<unsigned char, 3> buffer{};
  EXPECT_EQ(give_bytes(kData, buffer.data(), 0xFFFFFFFF, WhenShort::nothing), ScardRv::success);
  EXPECT_EQ(buffer[2], 3);
}

}  // namespace
}  // namespace cardea
