#include "daemon/reader/atr.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <random>
#include <vector>

#include "protocol/wire.hpp"

namespace cardea {
namespace {

constexpr std::uint32_t kT0 = wire::kProtocolT0;
constexpr std::uint32_t kT1 = wire::kProtocolT1;

struct Case {
  const char* what;
  std::vector<std::uint8_t> atr;
  std::uint32_t offered;
  std::uint32_t fallback;
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.what; }

class AtrTest : public testing::TestWithParam<Case> {};

TEST_P(AtrTest, OffersProtocols) {
  const Case& test = GetParam();
  const AtrProtocols result = atr_protocols(test.atr);
  EXPECT_EQ(result.offered, test.offered) << test.what;
  EXPECT_EQ(result.fallback, test.fallback) << test.what;
}

INSTANTIATE_TEST_SUITE_P(
    Whole, AtrTest,
    testing::Values(Case{"no TD: T=0", {0x3B, 0x00}, kT0, kT0},
                    Case{"inverse convention", {0x3F, 0x00}, kT0, kT0},
                    Case{"TA1, TB1, TC1, no TD", {0x3B, 0x70, 0x11, 0x00, 0x00}, kT0, kT0},
                    Case{"TD1 for T=0", {0x3B, 0x80, 0x00}, kT0, kT0},
                    Case{"TD1 for T=1", {0x3B, 0x80, 0x01, 0x81}, kT1, kT1},
                    Case{"T=0 first, then T=1", {0x3B, 0x80, 0x80, 0x01, 0x01}, kT0 | kT1, kT0},
                    Case{"T=1, then T=15", {0x3B, 0x80, 0x81, 0x1F, 0x00}, kT1, kT1},
                    Case{"T=15 only", {0x3B, 0x80, 0x0F}, 0, 0},
                    Case{"T=2, nothing for us", {0x3B, 0x80, 0x02}, 0, 0},
                    Case{"TA2: specific mode T=1", {0x3B, 0x80, 0x90, 0x01, 0x01, 0x00}, kT1, kT1},
                    Case{"TA2: specific mode T=0", {0x3B, 0x90, 0x11, 0x10, 0x00}, kT0, kT0},
                    Case{"TA2: an unknown protocol", {0x3B, 0x80, 0x10, 0x05}, 0, 0},
                    Case{"many historical bytes",
                         {0x3B, 0x0F, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                         kT0,
                         kT0}));

INSTANTIATE_TEST_SUITE_P(Broken, AtrTest,
                         testing::Values(Case{"empty", {}, 0, 0}, Case{"one byte", {0x3B}, 0, 0},
                                         Case{"no initial character", {0x00, 0x00}, 0, 0},
                                         Case{"TD1 is missing", {0x3B, 0x80}, kT0, kT0},
                                         Case{"TD2 is missing", {0x3B, 0x80, 0x81}, kT1, kT1},
                                         Case{"TA2 is missing", {0x3B, 0x80, 0x11}, kT1, kT1},
                                         Case{"TA1 to TC1 are missing", {0x3B, 0xF0}, kT0, kT0}));

TEST(Atr, EndsWithEndlessChainsOfInterfaceBytes) {
  const std::vector<std::uint8_t> chain = [] {
    std::vector<std::uint8_t> atr(33, 0x81);
    atr[0] = 0x3B;
    return atr;
  }();
  EXPECT_EQ(atr_protocols(chain).offered, kT1);
}

TEST(Atr, NeverReadsPastItsEnd) {
  // The sanitizers watch; every prefix is an allocation of its own.
  std::mt19937 random(1);  // NOLINT: the same bytes each time
  for (int round = 0; round < 2'000; ++round) {
    std::vector<std::uint8_t> atr(random() % 34);
    for (std::uint8_t& byte : atr) byte = static_cast<std::uint8_t>(random());
    if (!atr.empty()) atr[0] = round % 2 == 0 ? 0x3B : 0x3F;
    for (std::size_t length = 0; length <= atr.size(); ++length) {
      const std::vector<std::uint8_t> prefix(atr.begin(),
                                             atr.begin() + static_cast<std::ptrdiff_t>(length));
      const AtrProtocols result = atr_protocols(prefix);
      EXPECT_EQ(result.offered & ~(kT0 | kT1), 0u);
      EXPECT_EQ(result.fallback & ~result.offered, 0u);
    }
  }
}

}  // namespace
}  // namespace cardea
