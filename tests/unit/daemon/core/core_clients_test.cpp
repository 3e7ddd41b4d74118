// Contexts: ESTABLISH, RELEASE, CANCEL; limits of handles; foreign handles.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/daemon/core/core_bench.hpp"

namespace cardea::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using wire::ShareMode;

TEST(CoreClients, EstablishGivesAPositiveNumberOfItsOwn) {
  CoreBench bench;
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  EXPECT_NE(a.context, 0u);
  EXPECT_NE(a.context, b.context);
  EXPECT_LE(a.context, 0x7FFFFFFFu);
  EXPECT_EQ(bench.core().counts().contexts, 2u);
}

TEST(CoreClients, EstablishRefusesAnUnknownScope) {
  CoreBench bench;
  TestClient& a = bench.add_client();
  EXPECT_EQ(a.establish(3), ScardRv::success);
  EXPECT_EQ(a.establish(4), ScardRv::invalid_value);
  EXPECT_EQ(a.reply<wire::Establish>().context, 0u);
}

TEST(CoreClients, ASecondEstablishReplacesTheContextAndKeepsTheHandles) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  const CardHandle card = a.open("R");
  const ContextHandle first = a.context;
  EXPECT_EQ(a.establish(), ScardRv::success);
  EXPECT_NE(a.context, first);
  EXPECT_EQ(bench.core().counts().contexts, 1u);
  EXPECT_EQ(a.status(card), ScardRv::success);
  EXPECT_EQ(a.release(first), ScardRv::invalid_value);
}

TEST(CoreClients, ReleaseChecksTheContextAndFreesTheHandles) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  (void)a.open("R");
  (void)a.open("R");
  EXPECT_EQ(a.release(b.context), ScardRv::invalid_value);
  EXPECT_EQ(bench.core().counts().handles, 2u);
  EXPECT_EQ(a.release(), ScardRv::success);
  EXPECT_EQ(bench.core().counts().handles, 0u);
  EXPECT_EQ(a.release(), ScardRv::invalid_handle);
  EXPECT_EQ(a.connect("R"), ScardRv::invalid_handle);
  EXPECT_EQ(a.establish(), ScardRv::success);
  EXPECT_EQ(a.connect("R"), ScardRv::success);
}

TEST(CoreClients, ReleaseEndsAWaitSilently) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client(*wire::find_dialect(4, 4));
  a.wait();
  EXPECT_EQ(bench.core().counts().waiting, 1u);
  EXPECT_EQ(a.release(), ScardRv::success);
  bench.remove_card(reader);
  EXPECT_EQ(a.completions.size(), 0u);
  EXPECT_EQ(bench.core().counts().waiting, 0u);
}

TEST(CoreClients, CancelIsForTheSameUserAndRoot) {
  struct Case {
    std::uint32_t uid;
    ScardRv rv;
    std::size_t completions;
  };
  for (const Case& test : {Case{1000, ScardRv::success, 1}, Case{0, ScardRv::success, 1},
                           Case{1001, ScardRv::invalid_handle, 0}}) {
    CoreBench bench;
    TestClient& waiter = bench.add_client_of({7, 1000}, *wire::find_dialect(4, 4));
    TestClient& other = bench.add_client_of({8, test.uid});
    waiter.wait();
    EXPECT_EQ(other.cancel(waiter.context), test.rv) << "uid " << test.uid;
    ASSERT_EQ(waiter.completions.size(), test.completions);
    if (test.completions == 1) {
      EXPECT_EQ(waiter.completions[0].rv, to_wire(ScardRv::cancelled));
    }
  }
}

TEST(CoreClients, CancelOfAnIdleContextSucceedsAndOfAnUnknownFails) {
  CoreBench bench;
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  EXPECT_EQ(b.cancel(a.context), ScardRv::success);
  EXPECT_EQ(b.cancel(0x7FFFFFFF), ScardRv::invalid_handle);
  EXPECT_EQ(b.cancel(0), ScardRv::invalid_handle);
  EXPECT_THAT(a.completions, ElementsAre());
}

TEST(CoreClients, AForeignHandleDisconnectsTheClientAtOnce) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  const CardHandle card = a.open("R");
  for (const CardHandle wrong : {card, CardHandle{0}, CardHandle{0x80000001}, CardHandle{4711}}) {
    TestClient& b = bench.add_client();
    EXPECT_EQ(b.status(wrong), kParked);
    ASSERT_TRUE(b.drop_reason);
    EXPECT_THAT(*b.drop_reason, HasSubstr("not its own"));
    b.die();
  }
  EXPECT_EQ(bench.drops(), 4u);
  EXPECT_EQ(a.status(card), ScardRv::success) << "its owner is unaffected";
}

TEST(CoreClients, LimitsTheHandlesOfAContext) {
  Settings settings;
  settings.handles_per_context_max = 2;
  CoreBench bench(settings);
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  const CardHandle first = a.open("R");
  (void)a.open("R");
  EXPECT_EQ(a.connect("R"), ScardRv::no_memory);
  EXPECT_EQ(a.reply<wire::Connect>().card, 0);
  EXPECT_EQ(a.disconnect(first), ScardRv::success);
  EXPECT_EQ(a.connect("R"), ScardRv::success);
}

TEST(CoreClients, LimitsTheHandlesOfAReader) {
  Settings settings;
  settings.handles_per_reader_max = 2;
  CoreBench bench(settings);
  bench.add_reader("R");
  (void)bench.add_client().open("R");
  (void)bench.add_client().open("R");
  TestClient& c = bench.add_client();
  EXPECT_EQ(c.connect("R"), ScardRv::internal_error);
  EXPECT_EQ(c.reply<wire::Connect>().card, 0);
}

TEST(CoreClients, NumbersAreNeverUsedTwice) {
  // Every number comes three times, some are unusable.
  std::uint32_t calls = 0;
  Core core({}, [&calls] {
    ++calls;
    return calls / 3 | (calls % 2 == 0 ? 0x80000000 : 0);
  });
  std::vector<std::uint32_t> numbers;
  for (int i = 0; i < 100; ++i) {
    const ConnId conn = core.add_client({});
    Effects fx;
    core.establish(conn, {2, 0, 0}, TimePoint{}, fx);
    numbers.push_back(wire::decode<wire::Establish>(fx.replies.at(0).bytes).context);
  }
  std::sort(numbers.begin(), numbers.end());
  EXPECT_EQ(std::adjacent_find(numbers.begin(), numbers.end()), numbers.end());
  EXPECT_GT(numbers.front(), 0u);
  EXPECT_LE(numbers.back(), 0x7FFFFFFFu);
}

}  // namespace
}  // namespace cardea::core
