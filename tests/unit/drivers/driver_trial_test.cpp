// Libraries that are deadly to load, with this program as the trial's process.
#include "drivers/driver_trial.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>

#include "drivers/ifd_library_cache.hpp"
#include "tests/unit/drivers/test_handlers.hpp"

namespace cardea {
namespace {

using test::handler_path;
using testing::HasSubstr;

std::string trial_error(const std::string& path, milliseconds limit = kDriverTrialMax) {
  const auto survived = try_driver(path, limit);
  return survived ? "survived" : survived.error().context;
}

TEST(DriverTrial, LetsAHandlerPass) {
  EXPECT_EQ(trial_error(handler_path("handler_3")), "survived");
}

TEST(DriverTrial, LeavesWhatCannotBeLoadedToTheRealLoad) {
  EXPECT_EQ(trial_error("/nowhere/libnone.so"), "survived");
}

TEST(DriverTrial, FindsALibraryThatCrashes) {
  EXPECT_THAT(trial_error(handler_path("handler_crashing")), HasSubstr("(Aborted)"));
}

TEST(DriverTrial, FindsALibraryThatEndsTheProcess) {
  EXPECT_THAT(trial_error(handler_path("handler_exiting")), HasSubstr("with status 3"));
}

TEST(DriverTrial, FindsALibraryThatHangs) {
  EXPECT_THAT(trial_error(handler_path("handler_hanging"), milliseconds(300)),
              HasSubstr("does not end within 300 ms"));
}

TEST(DriverTrial, KeepsTheCacheFromLoadingADeadlyLibrary) {
  IfdLibraryCache cache([](const std::string& path) { return try_driver(path); });
  const auto refused = cache.get(handler_path("handler_crashing"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().rv, ScardRv::invalid_target);
  EXPECT_TRUE(cache.get(handler_path("handler_3")));
}

}  // namespace
}  // namespace cardea

int main(int argc, char* argv[]) {
  if (argc == 3 && std::string_view(argv[1]) == cardea::kDriverTrialArgument) {
    cardea::run_driver_trial(argv[2]);
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
