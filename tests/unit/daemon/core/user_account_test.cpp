#include "daemon/core/user_account.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <thread>
#include <vector>

#include "daemon/core/charge.hpp"
#include "daemon/core/user_accounts.hpp"

namespace cardea::core {
namespace {

constexpr std::uint32_t kUser = 1000;

QuotaLimits small() {
  QuotaLimits limits;
  limits.handles = 16;
  limits.reader_handles = 8;
  limits.bytes = 100;
  return limits;
}

TEST(UserAccount, RefusesWhatExceedsTheLimitAndTakesNothingThen) {
  UserAccount account(kUser, small());
  EXPECT_TRUE(account.take(Resource::bytes, 60));
  EXPECT_FALSE(account.take(Resource::bytes, 41));
  EXPECT_EQ(account.used(Resource::bytes), 60u);
  EXPECT_TRUE(account.take(Resource::bytes, 40));
  EXPECT_FALSE(account.take(Resource::bytes, 1));
  EXPECT_FALSE(account.take(Resource::bytes, std::numeric_limits<std::size_t>::max()));
  account.give_back(Resource::bytes, 100);
  EXPECT_EQ(account.used(Resource::bytes), 0u);
}

TEST(UserAccount, TakesForWhatGivesBackBeyondTheLimit) {
  UserAccount account(kUser, small());
  EXPECT_TRUE(account.take(Resource::bytes, 100));
  account.take_anyway(Resource::bytes, 5);
  EXPECT_EQ(account.used(Resource::bytes), 105u);
  EXPECT_FALSE(account.take(Resource::bytes, 1));
}

TEST(UserAccount, HasNoLimitForRootAndTheDaemonsUser) {
  QuotaLimits limits = small();
  limits.own_uid = 77;
  for (const std::uint32_t uid : {0U, 77U}) {
    UserAccount account(uid, limits);
    EXPECT_TRUE(account.take(Resource::handles, 1'000'000)) << uid;
    EXPECT_EQ(account.used(Resource::handles), 1'000'000u) << "it is counted all the same";
  }
  EXPECT_FALSE(UserAccount(78, limits).take(Resource::handles, 17));
}

TEST(UserAccount, ReportsOnceUntilItIsClearlyBelowTheLimit) {
  UserAccount account(kUser, small());
  EXPECT_TRUE(account.take(Resource::handles, 16));
  EXPECT_TRUE(account.should_report(Resource::handles));
  EXPECT_FALSE(account.should_report(Resource::handles));
  EXPECT_TRUE(account.should_report(Resource::bytes)) << "each resource for itself";
  account.give_back(Resource::handles, 2);
  EXPECT_FALSE(account.should_report(Resource::handles)) << "14 of 16 is still at the limit";
  account.give_back(Resource::handles, 1);
  EXPECT_TRUE(account.should_report(Resource::handles));
}

TEST(UserAccount, ReportsAboutOneReaderAgainWhenSoManyHandlesCannotBeOnIt) {
  UserAccount account(kUser, small());
  EXPECT_TRUE(account.take(Resource::handles, 8));
  EXPECT_TRUE(account.should_report(Resource::reader_handles));
  account.give_back(Resource::handles, 1);
  EXPECT_FALSE(account.should_report(Resource::reader_handles));
  account.give_back(Resource::handles, 1);
  EXPECT_TRUE(account.should_report(Resource::reader_handles));
}

TEST(UserAccount, ReportsAgainAtALimitOfOne) {
  QuotaLimits limits;
  limits.connections = 1;
  UserAccount account(kUser, limits);
  EXPECT_TRUE(account.take(Resource::connections, 1));
  EXPECT_TRUE(account.should_report(Resource::connections));
  account.give_back(Resource::connections, 1);
  EXPECT_TRUE(account.should_report(Resource::connections));
}

TEST(UserAccount, CountsRightWithManyThreads) {
  UserAccount account(kUser, small());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&account] {
      for (int round = 0; round < 10'000; ++round) {
        if (account.take(Resource::bytes, 30)) account.give_back(Resource::bytes, 30);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(account.used(Resource::bytes), 0u);
}

TEST(Charge, GivesBackOnWhateverWayItGoes) {
  UserAccount account(kUser, small());
  {
    Charge charge(account, Resource::bytes);
    EXPECT_TRUE(charge.set(50));
    EXPECT_TRUE(charge.set(80));
    EXPECT_FALSE(charge.set(101));
    EXPECT_EQ(charge.amount(), 80u);
    EXPECT_EQ(account.used(Resource::bytes), 80u);
    EXPECT_TRUE(charge.set(20));
    EXPECT_EQ(account.used(Resource::bytes), 20u);
    Charge moved(std::move(charge));
    EXPECT_EQ(account.used(Resource::bytes), 20u);
    Charge other(account, Resource::bytes);
    other.set_anyway(200);
    EXPECT_EQ(account.used(Resource::bytes), 220u);
    other = std::move(moved);
    EXPECT_EQ(account.used(Resource::bytes), 20u) << "what it held went back";
  }
  EXPECT_EQ(account.used(Resource::bytes), 0u);
}

TEST(Charge, WithoutAccountCostsNobody) {
  Charge charge;
  EXPECT_TRUE(charge.set(std::numeric_limits<std::size_t>::max()));
  EXPECT_TRUE(charge.set(0));
}

TEST(UserAccounts, HasOneForEachUserAsLongAsSomebodyNeedsIt) {
  UserAccounts accounts((QuotaLimits()));
  auto first = accounts.of(5);
  EXPECT_EQ(accounts.of(5), first);
  EXPECT_NE(accounts.of(3), first) << "and is gone at once";
  auto second = accounts.of(4);
  ASSERT_EQ(accounts.all().size(), 2u);
  EXPECT_EQ(accounts.all().front()->uid, 4u);
  first.reset();
  second.reset();
  EXPECT_TRUE(accounts.all().empty());
}

}  // namespace
}  // namespace cardea::core
