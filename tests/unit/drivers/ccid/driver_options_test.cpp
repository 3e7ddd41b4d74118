#include "drivers/ccid/driver_options.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace cardea::ccid {
namespace {

TEST(DriverOptions, AreOffUnlessTheVariableIsOne) {
  ::unsetenv("CARDEA_CCID_ESCAPE");
  ::setenv("CARDEA_CCID_LOG", "yes", /*overwrite=*/1);
  EXPECT_FALSE(read_driver_options().escape_allowed);
  EXPECT_FALSE(read_driver_options().log_traffic);
  ::setenv("CARDEA_CCID_ESCAPE", "1", 1);
  ::setenv("CARDEA_CCID_LOG", "1", 1);
  EXPECT_TRUE(read_driver_options().escape_allowed);
  EXPECT_TRUE(read_driver_options().log_traffic);
  ::unsetenv("CARDEA_CCID_ESCAPE");
  ::unsetenv("CARDEA_CCID_LOG");
}

}  // namespace
}  // namespace cardea::ccid
