#include "drivers/virtual/apdu.hpp"

#include <gtest/gtest.h>

#include <string_view>

#include "tests/unit/drivers/virtual/test_host.hpp"

namespace cardea::virtual_reader {
namespace {

struct Case {
  std::string_view bytes;
  std::string_view data;
  std::optional<std::uint32_t> le;
};

class ApduCase : public testing::TestWithParam<Case> {};

TEST_P(ApduCase, HasTheDataAndLeOfItsForm) {
  const Bytes bytes = from_hex(GetParam().bytes);
  const std::optional<CommandApdu> apdu = parse_apdu(bytes);
  ASSERT_TRUE(apdu) << GetParam().bytes;
  EXPECT_EQ(apdu->cla, 0x80);
  EXPECT_EQ(apdu->ins, 0x20);
  EXPECT_EQ(apdu->p1p2(), 0x0102U);
  EXPECT_EQ(Bytes(apdu->data.begin(), apdu->data.end()), from_hex(GetParam().data));
  EXPECT_EQ(apdu->le, GetParam().le);
}

INSTANTIATE_TEST_SUITE_P(Iso7816, ApduCase,
                         testing::Values(Case{"80200102", "", {}},                  // 1
                                         Case{"80200102 05", "", 5},                // 2 short
                                         Case{"80200102 00", "", 256},              // 2 short
                                         Case{"80200102 02 AABB", "AABB", {}},      // 3 short
                                         Case{"80200102 02 AABB 07", "AABB", 7},    // 4 short
                                         Case{"80200102 02 AABB 00", "AABB", 256},  // 4 short
                                         Case{"80200102 000101", "", 257},          // 2 extended
                                         Case{"80200102 000000", "", 65536},        // 2 extended
                                         Case{"80200102 000002 AABB", "AABB", {}},  // 3 extended
                                         Case{"80200102 000002 AABB 0100", "AABB",
                                              256},  // 4 extended
                                         Case{"80200102 000002 AABB 0000", "AABB", 65536}));

class BrokenApdu : public testing::TestWithParam<std::string_view> {};

TEST_P(BrokenApdu, IsNotAnApdu) { EXPECT_FALSE(parse_apdu(from_hex(GetParam()))) << GetParam(); }

INSTANTIATE_TEST_SUITE_P(All, BrokenApdu,
                         testing::Values("", "80", "802001", "80200102 02 AA",
                                         "80200102 02 AABBCCDD", "80200102 00 01",
                                         "80200102 000002 AA", "80200102 000002 AABBCC",
                                         "80200102 000002 AABBCCDDEE", "80200102 000000 AA"));

}  // namespace
}  // namespace cardea::virtual_reader
