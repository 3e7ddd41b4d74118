#include "drivers/virtual/atr.hpp"

#include <gtest/gtest.h>

#include <string_view>

#include "tests/unit/drivers/virtual/test_host.hpp"

namespace cardea::virtual_reader {
namespace {

constexpr std::uint32_t kT0 = 1;
constexpr std::uint32_t kT1 = 2;

TEST(Atr, OfBuiltInCardsOffersWhatItsNameSays) {
  EXPECT_EQ(offered_protocols(atr_of(AtrKind::t0)), kT0);
  EXPECT_EQ(offered_protocols(atr_of(AtrKind::t1)), kT1);
  EXPECT_EQ(offered_protocols(atr_of(AtrKind::t01)), kT0 | kT1);
}

TEST(Atr, OfBuiltInCardsIsTheseBytes) {
  EXPECT_EQ(atr_of(AtrKind::t0), from_hex("3B 06 43 61 72 64 65 61"));
  EXPECT_EQ(atr_of(AtrKind::t1), from_hex("3B 86 81 31 FE 45 43 61 72 64 65 61 BD"));
  EXPECT_EQ(atr_of(AtrKind::t01), from_hex("3B 86 80 01 43 61 72 64 65 61 37"));
}

TEST(Atr, KindIsOneOfThreeWords) {
  EXPECT_EQ(atr_kind_from("t0"), AtrKind::t0);
  EXPECT_EQ(atr_kind_from("t1"), AtrKind::t1);
  EXPECT_EQ(atr_kind_from("t01"), AtrKind::t01);
  EXPECT_FALSE(atr_kind_from("T0"));
  EXPECT_FALSE(atr_kind_from(""));
}

struct Offer {
  std::string_view atr;
  std::uint32_t protocols;
};

class AtrOffer : public testing::TestWithParam<Offer> {};

TEST_P(AtrOffer, IsReadFromTheInterfaceBytes) {
  EXPECT_EQ(offered_protocols(from_hex(GetParam().atr)), GetParam().protocols) << GetParam().atr;
}

INSTANTIATE_TEST_SUITE_P(All, AtrOffer,
                         testing::Values(Offer{"3B 00", kT0}, Offer{"3F 05 48 65 6C 6C 6F", kT0},
                                         Offer{"3B F0 11 00 00 00", kT0},     // TD1 says T=0
                                         Offer{"3B 80 01 81", kT1},           // TD1 says T=1
                                         Offer{"3B 80 80 01 01", kT0 | kT1},  // TD1 and TD2
                                         Offer{"3B 80 91 00 00", kT0},  // TA2: specific mode, T=0
                                         Offer{"3B 80 91 01 00", kT1},  // TA2: specific mode, T=1
                                         Offer{"3B 80 91 0E 00", 0},    // TA2 names neither
                                         Offer{"3B 80 0E 8E", 0},       // only T=14
                                         Offer{"3B 80 80 8E 0F 00", kT0},  // T=0, T=14, T=15
                                         Offer{"", 0}, Offer{"3B", 0}, Offer{"00 00", 0},
                                         Offer{"3B 80", 0}, Offer{"3B 80 80", 0},
                                         Offer{"3B 80 90", 0}, Offer{"3B 80 E0 11", 0}));

TEST(Atr, LongerThan33BytesOffersNothing) {
  Bytes atr(34, 0);
  atr[0] = 0x3B;
  EXPECT_EQ(offered_protocols(atr), 0U);
  atr.pop_back();
  EXPECT_EQ(offered_protocols(atr), kT0);
}

TEST(Atr, WithAnEndlessChainEndsAtItsLastByte) {
  Bytes atr(33, 0x80);
  atr[0] = 0x3B;
  EXPECT_EQ(offered_protocols(atr), 0U);
}

}  // namespace
}  // namespace cardea::virtual_reader
