// That it notices a sleep is tested with a clock that jumps: tests/system/clock_test.py.
#include "daemon/sleep_watch.hpp"

#include <gtest/gtest.h>
#include <poll.h>

namespace cardea {
namespace {

TEST(SleepWatch, IsSilentWhileTheComputerIsAwake) {
  auto watch = SleepWatch::create();
  ASSERT_TRUE(watch.has_value());
  pollfd entry{watch->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 0), 0);
  EXPECT_EQ(watch->slept(), std::chrono::seconds{0});
  EXPECT_EQ(::poll(&entry, 1, 0), 0) << "armed for ever after a look";
}

}  // namespace
}  // namespace cardea
