#include "daemon/driver_modes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cardea {
namespace {

using testing::HasSubstr;

constexpr const char* kCcid = "/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Linux/libccid.so";

DriverModes modes(const std::vector<std::string>& rules) {
  DriverModes made;
  for (const std::string& rule : rules) EXPECT_TRUE(made.add(rule)) << rule;
  return made;
}

TEST(DriverModes, HoldForAllDrivers) {
  EXPECT_TRUE(modes({"hosted"}).is_hosted(kCcid));
  EXPECT_TRUE(modes({"hosted"}).all_hosted());
  EXPECT_FALSE(modes({"in-process"}).is_hosted(kCcid));
  EXPECT_FALSE(modes({"in-process"}).any_hosted());
  EXPECT_TRUE(modes({"in-process", "hosted"}).is_hosted(kCcid));
}

TEST(DriverModes, KnowADriverByPathOrByAPartOfIt) {
  for (const std::string name : {"libccid.so", "ifd-ccid.bundle", kCcid}) {
    EXPECT_TRUE(modes({"in-process", name + "=hosted"}).is_hosted(kCcid)) << name;
    EXPECT_FALSE(modes({"hosted", name + "=in-process"}).is_hosted(kCcid)) << name;
  }
  for (const std::string name : {"ccid", "libccid.s", "ifd-ccid", "/libccid.so"}) {
    EXPECT_FALSE(modes({"in-process", name + "=hosted"}).is_hosted(kCcid)) << name;
  }
}

TEST(DriverModes, ANameBeatsAModeForAllWhereverItStands) {
  EXPECT_TRUE(modes({"libccid.so=hosted", "in-process"}).is_hosted(kCcid));
  EXPECT_FALSE(modes({"libccid.so=hosted", "libccid.so=in-process"}).is_hosted(kCcid));
}

TEST(DriverModes, KnowWhetherTheDaemonLoadsAnyDriver) {
  EXPECT_FALSE(modes({"hosted", "libccid.so=in-process"}).all_hosted());
  EXPECT_TRUE(modes({"hosted", "libccid.so=in-process"}).any_hosted());
  EXPECT_TRUE(modes({"in-process", "libccid.so=hosted"}).any_hosted());
  EXPECT_TRUE(modes({"hosted", "libccid.so=hosted"}).all_hosted());
}

TEST(DriverModes, RefuseWhatTheyDoNotKnow) {
  DriverModes made;
  for (const char* rule : {"", "host", "=hosted", "libccid.so=", "libccid.so=Hosted"}) {
    const auto added = made.add(rule);
    ASSERT_FALSE(added) << rule;
    EXPECT_THAT(added.error().context, HasSubstr("--driver-host takes"));
  }
  for (std::size_t i = 0; i < DriverModes::kRulesMax; ++i) ASSERT_TRUE(made.add("hosted"));
  EXPECT_FALSE(made.add("hosted"));
}

TEST(DriverModes, TakeLimitsInSeconds) {
  DriverModes made;
  for (const char* rule : {"open=1", "query=0.5", "power=2.25", "exchange=0.0001", "stable=0"}) {
    EXPECT_TRUE(made.add_limit(rule)) << rule;
  }
  EXPECT_EQ(made.limits().open, milliseconds(1'000));
  EXPECT_EQ(made.limits().query, milliseconds(500));
  EXPECT_EQ(made.limits().power, milliseconds(2'250));
  EXPECT_EQ(made.limits().exchange, milliseconds(1));
  EXPECT_EQ(made.limits().stable, milliseconds(0));
}

TEST(DriverModes, RefuseLimitsThatAreNone) {
  DriverModes made;
  for (const char* rule : {"", "open", "open=", "=1", "open=0", "open=-1", "open=nan", "open=inf",
                           "open=1e3", "open=1s", "open=86401", "transmit=1", "stable=-1"}) {
    EXPECT_FALSE(made.add_limit(rule)) << rule;
  }
}

}  // namespace
}  // namespace cardea
