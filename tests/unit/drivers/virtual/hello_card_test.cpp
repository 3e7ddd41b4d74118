#include "drivers/virtual/hello_card.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <string>
#include <string_view>

#include "tests/unit/drivers/virtual/test_host.hpp"

namespace cardea::virtual_reader {
namespace {

constexpr std::string_view kSelect = "00 A4 04 00 0A A0 00 00 00 62 03 01 0C 06 01";

Bytes run(HelloCard& card, const Bytes& command) {
  Bytes response;
  EXPECT_EQ(card.transmit(command, response), IFD_SUCCESS);
  return response;
}

Bytes run(HelloCard& card, std::string_view hex) { return run(card, from_hex(hex)); }

TEST(HelloCard, GreetsOnceSelected) {
  HelloCard card(AtrKind::t01);
  ASSERT_EQ(card.power_up(), IFD_SUCCESS);
  EXPECT_EQ(run(card, "00 00 00 00"), from_hex("6985"));
  EXPECT_EQ(run(card, kSelect), from_hex("9000"));
  EXPECT_EQ(run(card, "00 00 00 00"), from_hex("48656C6C6F20776F726C6421 9000"));
  EXPECT_EQ(run(card, "00 00 00 00 00"), from_hex("48656C6C6F20776F726C6421 9000"));
}

TEST(HelloCard, ForgetsTheSelectionAtResetAndPowerUp) {
  HelloCard card(AtrKind::t01);
  ASSERT_EQ(card.power_up(), IFD_SUCCESS);
  EXPECT_EQ(run(card, kSelect), from_hex("9000"));
  ASSERT_EQ(card.reset(), IFD_SUCCESS);
  EXPECT_EQ(run(card, "00 00 00 00"), from_hex("6985"));
  EXPECT_EQ(run(card, kSelect), from_hex("9000"));
  card.power_down();
  ASSERT_EQ(card.power_up(), IFD_SUCCESS);
  EXPECT_EQ(run(card, "00 00 00 00"), from_hex("6985"));
}

TEST(HelloCard, KeepsTheSelectionWhenAnotherFails) {
  HelloCard card(AtrKind::t01);
  ASSERT_EQ(card.power_up(), IFD_SUCCESS);
  EXPECT_EQ(run(card, kSelect), from_hex("9000"));
  EXPECT_EQ(run(card, "00 A4 04 00 02 A0 00"), from_hex("6A82"));
  EXPECT_EQ(run(card, "00 00 00 00").size(), 14U);
}

TEST(HelloCard, CountsPowerUpsAndResets) {
  HelloCard card(AtrKind::t01);
  ASSERT_EQ(card.power_up(), IFD_SUCCESS);
  EXPECT_EQ(run(card, "80 40 00 00"), from_hex("00000001 9000"));
  for (int i = 0; i < 299; ++i) ASSERT_EQ(card.reset(), IFD_SUCCESS);
  EXPECT_EQ(run(card, "80 40 00 00 04"), from_hex("0000012C 9000"));
}

struct Exchange {
  std::string_view command;
  std::string_view response;
};

class HelloCardAnswers : public testing::TestWithParam<Exchange> {};

TEST_P(HelloCardAnswers, AsDocumented) {
  HelloCard card(AtrKind::t01);
  ASSERT_EQ(card.power_up(), IFD_SUCCESS);
  EXPECT_EQ(run(card, GetParam().command), from_hex(GetParam().response)) << GetParam().command;
}

INSTANTIATE_TEST_SUITE_P(
    All, HelloCardAnswers,
    testing::Values(Exchange{"00 A4 04 00 0A A0 00 00 00 62 03 01 0C 06 01 00", "9000"},
                    Exchange{"00 A4 04 0C 0A A0 00 00 00 62 03 01 0C 06 01", "9000"},
                    Exchange{"00 A4 04 00 00 00 0A A0 00 00 00 62 03 01 0C 06 01", "9000"},
                    Exchange{"00 A4 04 00 0A A0 00 00 00 62 03 01 0C 06 02", "6A82"},
                    Exchange{"00 A4 04 00 09 A0 00 00 00 62 03 01 0C 06", "6A82"},
                    Exchange{"00 A4 00 00 02 3F 00", "6A86"}, Exchange{"00 A4 04 01 01 A0", "6A86"},
                    Exchange{"00 A4 04 00", "6700"}, Exchange{"00 A4 04 00 0A A0", "6700"},
                    Exchange{"00 00 00 01", "6A86"}, Exchange{"00 00 00 00 01 AA", "6700"},
                    Exchange{"80 20 00 01", "00 9000"}, Exchange{"80 20 00 03 00", "000102 9000"},
                    Exchange{"80 20 00 03 00 00 00", "000102 9000"},
                    Exchange{"80 20 00 01 01 AA", "6700"}, Exchange{"80 30 00 00", "9000"},
                    Exchange{"80 30 00 00 01 AA", "6700"}, Exchange{"80 40 01 00", "6A86"},
                    Exchange{"80 40 00 00 01 AA", "6700"}, Exchange{"80 50 00 00", "9000"},
                    Exchange{"80 50 00 00 02 AABB", "AABB 9000"},
                    Exchange{"80 50 00 00 02 AABB 00", "AABB 9000"},
                    Exchange{"80 50 00 00 000002 AABB 0000", "AABB 9000"},
                    Exchange{"80 50 00 01 02 AABB", "6A86"},
                    Exchange{"80 50 00 00 03 AABB", "6700"}, Exchange{"00 B0 00 00", "6D00"},
                    Exchange{"80 60 00 00", "6D00"}, Exchange{"80 A4 04 00", "6D00"},
                    Exchange{"00 20 00 01", "6A86"}, Exchange{"90 20 00 01", "6E00"},
                    Exchange{"FF CA 00 00 00", "6E00"}, Exchange{"80", "6700"},
                    Exchange{"80 40 00", "6700"}));

class HelloCardLength : public testing::TestWithParam<std::size_t> {};

TEST_P(HelloCardLength, IsSentAsACountingPattern) {
  HelloCard card(AtrKind::t01);
  const std::size_t count = GetParam();
  const Bytes command = {0x80, 0x20, static_cast<std::uint8_t>(count >> 8U & 0xFFU),
                         static_cast<std::uint8_t>(count & 0xFFU)};
  EXPECT_EQ(run(card, command), concat(counting(count), from_hex("9000")));
}

TEST_P(HelloCardLength, IsEchoedFromExtendedData) {
  HelloCard card(AtrKind::t01);
  const std::size_t count = std::min<std::size_t>(GetParam(), 65535);  // what Lc can say
  const Bytes header = {0x80,
                        0x50,
                        0,
                        0,
                        0,
                        static_cast<std::uint8_t>(count >> 8U),
                        static_cast<std::uint8_t>(count & 0xFFU)};
  const Bytes command = concat(header, counting(count));
  EXPECT_EQ(run(card, command), concat(counting(count), from_hex("9000")));
  EXPECT_EQ(run(card, concat(command, from_hex("0000"))),
            concat(counting(count), from_hex("9000")));
}

INSTANTIATE_TEST_SUITE_P(Edges, HelloCardLength,
                         testing::Values(1, 255, 256, 257, 32767, 65535, 65536));

TEST(HelloCard, RemembersItsPinUntilItsPowerIsCut) {
  HelloCard card(AtrKind::t01);
  EXPECT_EQ(run(card, "00 20 00 80"), from_hex("63C3"));
  EXPECT_EQ(run(card, "00 20 00 80 04 31 32 33 34"), from_hex("9000"));
  EXPECT_EQ(run(card, "00 20 00 80"), from_hex("9000"));
  EXPECT_EQ(card.power_up(), IFD_SUCCESS);
  EXPECT_EQ(run(card, "00 20 00 80"), from_hex("63C3"));
  EXPECT_EQ(run(card, "00 20 00 80 04 31 32 33 34"), from_hex("9000"));
  EXPECT_EQ(run(card, "00 20 00 80 03 31 32 33"), from_hex("63C3")) << "a wrong one";
  EXPECT_EQ(run(card, "00 20 00 80"), from_hex("63C3"));
  EXPECT_EQ(run(card, "00 20 00 81"), from_hex("6A86"));
}

TEST(HelloCard, TakesItsTimeWhenAskedTo) {
  HelloCard card(AtrKind::t01);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(run(card, "80 30 00 14"), from_hex("9000"));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(20));
}

TEST(HelloCard, StopsADelayWhenRemoved) {
  for (int round = 0; round < 100; ++round) {
    HelloCard card(AtrKind::t01);
    std::promise<void> started;
    std::future<RESPONSECODE> result = std::async(std::launch::async, [&card, &started] {
      Bytes response;
      started.set_value();
      return card.transmit(from_hex("80 30 FF FF"), response);  // 65 s
    });
    started.get_future().wait();
    card.remove();
    ASSERT_EQ(result.wait_for(std::chrono::seconds(30)), std::future_status::ready);
    EXPECT_EQ(result.get(), IFD_ICC_NOT_PRESENT);
  }
}

}  // namespace
}  // namespace cardea::virtual_reader
