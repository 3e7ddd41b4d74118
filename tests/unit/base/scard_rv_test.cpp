#include "base/scard_rv.hpp"

#include <gtest/gtest.h>

namespace cardea {
namespace {

TEST(ScardRv, PrintsTheNameApplicationsKnow) {
  EXPECT_EQ(to_string(ScardRv::success), "SCARD_S_SUCCESS");
  EXPECT_EQ(to_string(ScardRv::sharing_violation), "SCARD_E_SHARING_VIOLATION");
}

TEST(ScardRv, PrintsUnknownValuesAsNumbers) {
  EXPECT_EQ(to_string(static_cast<ScardRv>(0x53204253)), "0x53204253");
}

}  // namespace
}  // namespace cardea
