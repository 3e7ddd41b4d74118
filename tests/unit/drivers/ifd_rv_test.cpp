#include "drivers/ifd_rv.hpp"

#include <gtest/gtest.h>

namespace cardea {
namespace {

TEST(IfdRv, IsPrintedWithTheNameOfTheApi) {
  EXPECT_EQ(to_string(IfdRv::success), "IFD_SUCCESS");
  EXPECT_EQ(to_string(IfdRv::communication_error), "IFD_COMMUNICATION_ERROR");
  EXPECT_EQ(to_string(IfdRv::insufficient_buffer), "IFD_ERROR_INSUFFICIENT_BUFFER");
  EXPECT_EQ(to_string(IfdRv{602}), "IFD_ERROR_VALUE_READ_ONLY");
}

TEST(IfdRv, IsPrintedAsANumberIfTheApiHasNoNameForIt) {
  EXPECT_EQ(to_string(IfdRv{4711}), "IFD result 4711");
  EXPECT_EQ(to_string(IfdRv{-1}), "IFD result -1");
}

}  // namespace
}  // namespace cardea
