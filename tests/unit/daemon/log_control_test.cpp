#include "daemon/log_control.hpp"

#include <gtest/gtest.h>

namespace cardea {
namespace {

TEST(LogControl, HasANameForEachLevelAndKnowsItAgain) {
  for (const auto level : {log::Level::debug, log::Level::info, log::Level::warning,
                           log::Level::error, log::Level::critical}) {
    EXPECT_EQ(log_level_named(log_level_name(level)), level);
  }
}

TEST(LogControl, TakesEachNameOfSystemd) {
  EXPECT_EQ(log_level_named("notice"), log::Level::info);
  EXPECT_EQ(log_level_named("alert"), log::Level::critical);
  EXPECT_EQ(log_level_named("emerg"), log::Level::critical);
  EXPECT_EQ(log_level_named("err"), log::Level::error);
  EXPECT_EQ(log_level_named("error"), std::nullopt);
  EXPECT_EQ(log_level_named(""), std::nullopt);
}

}  // namespace
}  // namespace cardea
