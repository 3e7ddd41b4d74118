#include "daemon/power_policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cardea {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

constexpr PowerOff kStandard{};
constexpr PowerOff kNever{PowerOff::Kind::never, {}};

PowerOff after(int count) { return {PowerOff::Kind::after, seconds(count)}; }

PowerPolicy policy(const std::vector<std::string>& rules) {
  PowerPolicy made;
  for (const std::string& rule : rules) EXPECT_TRUE(made.add(rule)) << rule;
  return made;
}

TEST(PowerPolicy, IsStandardUnlessAskedFor) {
  EXPECT_EQ(policy({}).for_reader("Any 00 00"), kStandard);
  EXPECT_EQ(policy({"Other=never"}).for_reader("Any 00 00"), kStandard);
}

TEST(PowerPolicy, HoldsForAllReaders) {
  EXPECT_EQ(policy({"never"}).for_reader("Any 00 00"), kNever);
  EXPECT_EQ(policy({"30"}).for_reader("Any 00 00"), after(30));
  EXPECT_EQ(policy({"0"}).for_reader("Any 00 00"), after(0));
  EXPECT_EQ(policy({"86400"}).for_reader("Any 00 00"), after(86'400));
}

TEST(PowerPolicy, HoldsForReadersByAPartOfTheirName) {
  const PowerPolicy made = policy({"Yubico=never", "Gem=5"});
  EXPECT_EQ(made.for_reader("Yubico YubiKey CCID 00 00"), kNever);
  EXPECT_EQ(made.for_reader("Gemalto PC Twin Reader 00 00"), after(5));
  EXPECT_EQ(made.for_reader("GEMALTO 00 00"), kStandard) << "case counts";
}

TEST(PowerPolicy, PrefersTheRuleThatNamesTheReader) {
  for (const auto& rules : {std::vector<std::string>{"never", "Gem=5"}, {"Gem=5", "never"}}) {
    EXPECT_EQ(policy(rules).for_reader("Gem 00 00"), after(5));
    EXPECT_EQ(policy(rules).for_reader("Other 00 00"), kNever);
  }
}

TEST(PowerPolicy, TheLaterOfTwoEqualsWins) {
  EXPECT_EQ(policy({"never", "7"}).for_reader("Any"), after(7));
  EXPECT_EQ(policy({"A=1", "An=2", "B=3"}).for_reader("Any"), after(2));
}

TEST(PowerPolicy, NamesMayContainEqualSigns) {
  EXPECT_EQ(policy({"a=b=never"}).for_reader("reader a=b 00 00"), kNever);
}

TEST(PowerPolicy, RefusesAnythingElse) {
  for (const char* bad : {"", "always", "-1", "1s", "1.5", " 1", "86401", "99999999999", "=never",
                          "=5", "Reader=", "Reader=x", "Reader=-1", "Never"}) {
    PowerPolicy made;
    const auto added = made.add(bad);
    ASSERT_FALSE(added) << bad;
    EXPECT_EQ(added.error().rv, ScardRv::invalid_parameter);
    EXPECT_THAT(added.error().context, HasSubstr("--power-off takes"));
    EXPECT_EQ(made.for_reader("Reader"), kStandard);
  }
}

TEST(PowerPolicy, HasALimit) {
  PowerPolicy made;
  for (std::size_t i = 0; i < PowerPolicy::kRulesMax; ++i) ASSERT_TRUE(made.add("never"));
  ASSERT_FALSE(made.add("5"));
  EXPECT_EQ(made.for_reader("Any"), kNever);
}

}  // namespace
}  // namespace cardea
