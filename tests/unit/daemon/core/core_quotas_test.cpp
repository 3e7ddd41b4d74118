// What the core refuses to one user, and that nobody else notices. CoreBench compares the accounts
// with what is there after every step.
#include <gtest/gtest.h>

#include "tests/unit/daemon/core/core_bench.hpp"

namespace cardea::core {
namespace {

constexpr ClientInfo kGreedy{7, 1000};
constexpr ClientInfo kOther{8, 1001};

Settings with(const QuotaLimits& quotas) {
  Settings settings;
  settings.quotas = quotas;
  return settings;
}

std::size_t used(CoreBench& bench, Resource resource) {
  return bench.core().account_of(kGreedy.uid)->used(resource);
}

TEST(CoreQuotas, OneConnectionTooManyIsAnsweredNoMemory) {
  CoreBench bench(with({.connections = 2, .turned_away = 1}));
  TestClient& first = bench.add_client_of(kGreedy);
  (void)bench.add_client_of(kGreedy);
  TestClient& third = bench.add_client_of(kGreedy);
  EXPECT_EQ(third.answer(), ScardRv::no_memory);
  ASSERT_EQ(bench.quota_hits.size(), 1u);
  EXPECT_EQ(bench.quota_hits.front().conn, third.id);
  EXPECT_EQ(bench.quota_hits.front().resource, Resource::connections);
  EXPECT_EQ(third.establish(), ScardRv::no_memory);
  EXPECT_EQ(bench.quota_hits.size(), 1u) << "one report";
  EXPECT_FALSE(bench.core().add_client(kGreedy)) << "no room for one more to be answered";
  EXPECT_EQ(bench.add_client_of(kOther).answer(), ScardRv::success);
  first.die();
  EXPECT_EQ(third.establish(), ScardRv::success) << "there is room now";
  EXPECT_EQ(used(bench, Resource::turned_away), 0u);
  EXPECT_EQ(used(bench, Resource::connections), 2u);
}

TEST(CoreQuotas, WhoIsTurnedAwayGetsNothingElse) {
  CoreBench bench(with({.connections = 1}));
  (void)bench.add_reader("R");
  TestClient& first = bench.add_client_of(kGreedy, *wire::find_dialect(4, 4));
  TestClient& second = bench.add_client_of(kGreedy);
  EXPECT_EQ(second.connect("R"), ScardRv::invalid_handle);
  first.wait();
  EXPECT_EQ(second.cancel(first.context), ScardRv::success)
      << "a library cancels on a connection of its own, which must work at the limit as well";
  second.fetch_states();
  EXPECT_TRUE(second.drop_reason);
}

TEST(CoreQuotas, RootHasNone) {
  CoreBench bench(with({.connections = 1, .handles = 1, .reader_handles = 1}));
  (void)bench.add_reader("R");
  for (int i = 0; i < 3; ++i) {
    TestClient& root = bench.add_client_of({9, 0});
    EXPECT_EQ(root.connect("R"), ScardRv::success);
  }
  EXPECT_TRUE(bench.quota_hits.empty());
}

TEST(CoreQuotas, HandlesOfAllConnectionsCountTogether) {
  CoreBench bench(with({.handles = 2}));
  (void)bench.add_reader("R");
  (void)bench.add_reader("S");
  TestClient& first = bench.add_client_of(kGreedy);
  TestClient& second = bench.add_client_of(kGreedy);
  const CardHandle card = first.open("R");
  (void)second.open("S");
  EXPECT_EQ(second.connect("R"), ScardRv::no_memory);
  ASSERT_EQ(bench.quota_hits.size(), 1u);
  EXPECT_EQ(bench.quota_hits.front().resource, Resource::handles);
  EXPECT_EQ(bench.add_client_of(kOther).connect("R"), ScardRv::success);
  EXPECT_EQ(first.disconnect(card), ScardRv::success);
  EXPECT_EQ(second.connect("R"), ScardRv::success);
  first.die();
  second.die();
  EXPECT_EQ(used(bench, Resource::handles), 0u);
}

TEST(CoreQuotas, OneUserCannotTakeAReaderFromTheOthers) {
  Settings settings = with({.reader_handles = 2});
  settings.handles_per_reader_max = 4;
  CoreBench bench(settings);
  (void)bench.add_reader("R");
  (void)bench.add_reader("S");
  TestClient& greedy = bench.add_client_of(kGreedy);
  (void)greedy.open("R");
  (void)greedy.open("R");
  EXPECT_EQ(greedy.connect("R"), ScardRv::no_memory);
  ASSERT_EQ(bench.quota_hits.size(), 1u);
  EXPECT_EQ(bench.quota_hits.front().resource, Resource::reader_handles);
  EXPECT_EQ(greedy.connect("S"), ScardRv::success) << "it is about one reader";
  TestClient& other = bench.add_client_of(kOther);
  EXPECT_EQ(other.connect("R"), ScardRv::success);
  EXPECT_EQ(other.connect("R"), ScardRv::success);
  EXPECT_EQ(other.connect("R"), ScardRv::no_memory);
}

TEST(CoreQuotas, AFailedConnectLeavesNoHandleInTheAccount) {
  CoreBench bench(with({.handles = 1}));
  TestReader& reader = bench.add_reader("R");
  TestClient& client = bench.add_client_of(kGreedy);
  bench.remove_card(reader);
  bench.insert_mute(reader);
  EXPECT_NE(client.connect("R"), ScardRv::success);
  EXPECT_EQ(used(bench, Resource::handles), 0u);
}

TEST(CoreQuotas, WaitingRequestsHaveALimitButWhatGivesBackHasNot) {
  CoreBench bench(with({.calls = 1}));
  (void)bench.add_reader("R");
  TestClient& owner = bench.add_client_of(kGreedy);
  TestClient& waiter = bench.add_client_of({9, kGreedy.uid});
  TestClient& third = bench.add_client_of({10, kGreedy.uid});
  const CardHandle card = owner.open("R");
  const CardHandle waiting_card = waiter.open("R");
  const CardHandle third_card = third.open("R");
  EXPECT_EQ(owner.begin(card), ScardRv::success);
  EXPECT_EQ(waiter.begin(waiting_card), kParked);
  EXPECT_EQ(used(bench, Resource::calls), 1u);
  EXPECT_EQ(third.begin(third_card), ScardRv::no_memory);
  ASSERT_EQ(bench.quota_hits.size(), 1u);
  EXPECT_EQ(bench.quota_hits.front().resource, Resource::calls);
  EXPECT_EQ(third.disconnect(third_card), ScardRv::success);
  EXPECT_EQ(owner.end(card), ScardRv::success) << "or the lock would never be free again";
  EXPECT_EQ(waiter.answer(), ScardRv::success);
  EXPECT_EQ(used(bench, Resource::calls), 0u);
}

TEST(CoreQuotas, AWaiterThatDiesLeavesNothingInTheAccount) {
  CoreBench bench(with({}));
  (void)bench.add_reader("R");
  TestClient& owner = bench.add_client_of(kOther);
  const CardHandle card = owner.open("R");
  TestClient& waiter = bench.add_client_of(kGreedy);
  const CardHandle waiting_card = waiter.open("R");
  EXPECT_EQ(owner.begin(card), ScardRv::success);
  EXPECT_EQ(waiter.transmit(waiting_card), kParked);
  EXPECT_EQ(used(bench, Resource::calls), 1u);
  EXPECT_GT(used(bench, Resource::bytes), 0u) << "its command";
  waiter.die();
  for (const Resource resource :
       {Resource::connections, Resource::handles, Resource::calls, Resource::bytes}) {
    EXPECT_EQ(used(bench, resource), 0u) << to_string(resource);
  }
}

TEST(CoreQuotas, CommandsThatDoNotFitIntoTheMemoryAreAnsweredNoMemory) {
  CoreBench bench(with({.bytes = 2}));
  (void)bench.add_reader("R");
  TestClient& client = bench.add_client_of(kGreedy);
  const CardHandle card = client.open("R");
  EXPECT_EQ(client.transmit(card), ScardRv::no_memory);
  ASSERT_EQ(bench.quota_hits.size(), 1u);
  EXPECT_EQ(bench.quota_hits.front().resource, Resource::bytes);
  EXPECT_EQ(client.control(card), ScardRv::unsupported_feature) << "a command without bytes";
}

}  // namespace
}  // namespace cardea::core
