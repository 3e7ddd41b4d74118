#include "protocol/dialect.hpp"

#include <gtest/gtest.h>

namespace cardea::wire {
namespace {

TEST(Dialect, ServesFourThreeToFourSixAndNothingElse) {
  for (std::int32_t minor = kMinorOldest; minor <= kMinorNewest; ++minor) {
    ASSERT_NE(find_dialect(4, minor), nullptr);
    EXPECT_EQ(find_dialect(4, minor)->minor, minor);
  }
  EXPECT_EQ(find_dialect(4, 2), nullptr);
  EXPECT_EQ(find_dialect(4, 7), nullptr);
  EXPECT_EQ(find_dialect(4, 99), nullptr);
  EXPECT_EQ(find_dialect(3, 5), nullptr);
  EXPECT_EQ(find_dialect(5, 4), nullptr);
  EXPECT_EQ(find_dialect(-1, 5), nullptr);
}

TEST(Dialect, WaitHasABodyUpToFourThreeOnly) {
  EXPECT_EQ(body_bytes(*find_dialect(4, 3), Command::wait_reader_state_change), 8u);
  EXPECT_EQ(body_bytes(*find_dialect(4, 4), Command::wait_reader_state_change), 0u);
}

TEST(Dialect, CommandsAppearWithTheirVersion) {
  EXPECT_FALSE(body_bytes(*find_dialect(4, 4), Command::get_reader_events));
  EXPECT_TRUE(body_bytes(*find_dialect(4, 5), Command::get_reader_events));
  EXPECT_FALSE(body_bytes(*find_dialect(4, 5), Command::get_readers_state_size));
  EXPECT_TRUE(body_bytes(*find_dialect(4, 6), Command::get_readers_state_array));
}

TEST(Dialect, RetiredAndUnknownCommandsHaveNoBody) {
  for (const std::uint32_t number : {0u, 0x03u, 0x0Cu, 0x0Eu, 0x18u, 0xFFFFFFFFu}) {
    EXPECT_FALSE(body_bytes(newest_dialect(), static_cast<Command>(number))) << number;
  }
}

}  // namespace
}  // namespace cardea::wire
