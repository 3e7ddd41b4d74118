// State arrays, WAIT, STOP, CANCEL and reader events, in each dialect.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/core/core_bench.hpp"

namespace cardea::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using wire::ShareMode;

constexpr const char* kChanged = "completion SCARD_S_SUCCESS";
constexpr const char* kCancelled = "completion SCARD_E_CANCELLED";
constexpr const char* kFixedArray = "answer 2944";

const wire::Dialect& dialect(std::int32_t minor) { return *wire::find_dialect(4, minor); }

class CoreEvents : public testing::Test {
 protected:
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");

  TestClient& client(std::int32_t minor) {
    TestClient& added = bench.add_client(dialect(minor));
    added.stream.clear();
    return added;
  }
  /// Sends what a library of this minor version sends to start waiting.
  static void start_waiting(TestClient& waiter, std::int32_t minor) {
    if (minor == 3) waiter.fetch_states();
    waiter.wait();
    if (minor == 6) {
      waiter.fetch_size();
      waiter.fetch_array();
    }
    waiter.stream.clear();
  }
};

class CoreEventsByDialect : public CoreEvents, public testing::WithParamInterface<std::int32_t> {};
INSTANTIATE_TEST_SUITE_P(Minor, CoreEventsByDialect, testing::Values(3, 4, 5, 6));

TEST_P(CoreEventsByDialect, AWaitIsCompletedOnceByAnEventAndTheStopAfterItIsSilent) {
  TestClient& a = client(GetParam());
  start_waiting(a, GetParam());
  bench.remove_card(reader);
  bench.insert(reader);
  EXPECT_THAT(a.stream, ElementsAre(kChanged));
  a.stop();
  EXPECT_THAT(a.stream, ElementsAre(kChanged));
  EXPECT_EQ(bench.core().counts().waiting, 0u);
}

TEST_P(CoreEventsByDialect, AWaitIsNotCompletedByReadersThatGoBeforeTheDaemonEnds) {
  TestClient& a = client(GetParam());
  start_waiting(a, GetParam());
  bench.core().silence_events();
  bench.unplug(reader);
  EXPECT_THAT(a.stream, IsEmpty());
  EXPECT_EQ(bench.core().counts().waiting, 1u);
}

TEST_P(CoreEventsByDialect, AWaitIsCompletedOnceByAStop) {
  TestClient& a = client(GetParam());
  start_waiting(a, GetParam());
  a.stop();
  bench.remove_card(reader);
  a.stop();
  EXPECT_THAT(a.stream, ElementsAre(kChanged));
}

TEST_P(CoreEventsByDialect, AWaitIsCompletedOnceByACancel) {
  TestClient& a = client(GetParam());
  TestClient& b = client(GetParam());
  start_waiting(a, GetParam());
  EXPECT_EQ(b.cancel(a.context), ScardRv::success);
  EXPECT_EQ(b.cancel(a.context), ScardRv::success);
  bench.remove_card(reader);
  a.stop();
  EXPECT_THAT(a.stream, ElementsAre(kCancelled));
}

TEST_P(CoreEventsByDialect, AStopWithoutAWaitIsSilent) {
  TestClient& a = client(GetParam());
  a.stop();
  EXPECT_THAT(a.stream, IsEmpty());
}

TEST_P(CoreEventsByDialect, ASecondWaitIsTheSameWait) {
  TestClient& a = client(GetParam());
  start_waiting(a, GetParam());
  a.wait();
  if (GetParam() == 6) a.fetch_array();
  a.stream.clear();
  bench.remove_card(reader);
  bench.insert(reader);
  a.stop();
  EXPECT_THAT(a.stream, ElementsAre(kChanged));
}

TEST_P(CoreEventsByDialect, AWaiterMayDoOtherThings) {
  TestClient& a = client(GetParam());
  start_waiting(a, GetParam());
  EXPECT_EQ(a.connect("R"), ScardRv::success);
  a.stop();
  EXPECT_EQ(a.completions.size(), 1u) << "the one for the sharing that changed";
}

TEST_P(CoreEventsByDialect, TheCompletionCarriesTheReaderEvents) {
  TestClient& a = client(GetParam());
  start_waiting(a, GetParam());
  bench.add_reader("S");
  ASSERT_EQ(a.completions.size(), 1u);
  EXPECT_EQ(a.completions[0].reader_events, 3u);
}

TEST_F(CoreEvents, AChangeBetweenStatesAndWaitCompletesTheWaitOf43) {
  TestClient& a = client(3);
  a.fetch_states();
  bench.remove_card(reader);
  a.wait();
  EXPECT_THAT(a.stream, ElementsAre(kFixedArray, kChanged));
}

TEST_F(CoreEvents, ACancelJustBeforeAWaitOf43IsNotLost) {
  TestClient& a = client(3);
  TestClient& b = client(3);
  a.fetch_states();
  EXPECT_EQ(b.cancel(a.context), ScardRv::success);
  bench.advance(milliseconds{100});
  a.wait();
  EXPECT_THAT(a.stream, ElementsAre(kFixedArray, kCancelled));
  a.fetch_states();
  EXPECT_EQ(b.cancel(a.context), ScardRv::success);
  bench.advance(milliseconds{101});
  a.wait();
  EXPECT_EQ(a.completions.size(), 1u) << "it was meant for an earlier wait";
}

TEST_F(CoreEvents, AWaitOf44SendsTheStatesFirst) {
  TestClient& a = client(4);
  a.wait();
  EXPECT_THAT(a.stream, ElementsAre(kFixedArray));
  bench.remove_card(reader);
  EXPECT_THAT(a.stream, ElementsAre(kFixedArray, kChanged));
}

TEST_F(CoreEvents, NothingComesBetweenWaitAndArrayOf46) {
  TestClient& a = client(6);
  a.wait();
  bench.remove_card(reader);
  EXPECT_THAT(a.stream, IsEmpty());
  a.fetch_size();
  bench.insert(reader);
  EXPECT_THAT(a.stream, ElementsAre("answer 4"));
  a.fetch_array();
  EXPECT_THAT(a.stream, ElementsAre("answer 4", kFixedArray))
      << "what the array shows needs no completion";
  bench.remove_card(reader);
  EXPECT_EQ(a.stream.back(), kChanged);
}

TEST_F(CoreEvents, ACancelBetweenWaitAndArrayOf46ComesAfterTheArray) {
  TestClient& a = client(6);
  TestClient& b = client(6);
  a.wait();
  EXPECT_EQ(b.cancel(a.context), ScardRv::success);
  a.fetch_size();
  a.fetch_array();
  EXPECT_THAT(a.stream, ElementsAre("answer 4", kFixedArray, kCancelled));
}

TEST_F(CoreEvents, AnotherCommandEndsTheSilence) {
  TestClient& a = client(6);
  a.wait();
  bench.remove_card(reader);
  a.fetch_reader_events();
  EXPECT_THAT(a.stream, ElementsAre(kChanged, "answer 8"));
}

TEST_F(CoreEvents, TheFixedArrayShowsSixteenSlots) {
  TestClient& a = client(6);
  a.fetch_states();
  const auto states = a.states();
  ASSERT_EQ(states.size(), 16u);
  EXPECT_EQ(wire::name_text(states[0].name), "R");
  EXPECT_EQ(states[0].state, wire::kStatePresent | wire::kStatePowered | wire::kStateNegotiable);
  EXPECT_EQ(states[0].atr_bytes, DriverScript::kAtrT01.size());
  EXPECT_EQ(states[0].protocol, 0u);
  for (std::size_t i = 1; i < states.size(); ++i) {
    EXPECT_EQ(states[i].name[0], '\0');
    EXPECT_EQ(states[i].atr_bytes, 0u);
  }
}

TEST_F(CoreEvents, LegacySlotsWidenTheFixedArray) {
  Settings settings;
  settings.legacy_slots = 48;
  CoreBench wide(settings);
  TestClient& a = wide.add_client(dialect(4));
  a.wait();
  EXPECT_EQ(a.states().size(), 48u);
}

TEST_F(CoreEvents, TheAnnouncedSizeGrowsInBlocksAndNeverShrinks) {
  TestClient& a = client(6);
  const auto size = [&a] {
    a.fetch_size();
    return a.reply<wire::StateSize>().count;
  };
  EXPECT_EQ(size(), 16);
  std::vector<TestReader*> more;
  for (int i = 0; i < 16; ++i) more.push_back(&bench.add_reader("R" + std::to_string(i)));
  EXPECT_EQ(size(), 32);
  a.fetch_array();
  EXPECT_EQ(a.states().size(), 32u);
  EXPECT_EQ(wire::name_text(a.states()[16].name), "R15");
  for (TestReader* extra : more) bench.unplug(*extra);
  EXPECT_EQ(size(), 32);
  a.fetch_states();
  EXPECT_EQ(a.states().size(), 16u);
}

TEST_F(CoreEvents, TheArrayHasTheSizeThatWasAnnouncedOnItsConnection) {
  TestClient& a = client(6);
  a.fetch_size();
  for (int i = 0; i < 16; ++i) bench.add_reader("R" + std::to_string(i));
  a.fetch_array();
  EXPECT_EQ(a.states().size(), 16u);
  TestClient& b = client(6);
  b.fetch_array();
  EXPECT_EQ(b.states().size(), 32u) << "who did not ask gets all";
}

TEST_F(CoreEvents, ReaderEventsCountArrivalsAndRemovals) {
  TestClient& a = client(6);
  const auto events = [&a] {
    a.fetch_reader_events();
    return a.reply<wire::ReaderEvents>().reader_events;
  };
  EXPECT_EQ(events(), 2u);
  TestReader& other = bench.add_reader("S");
  EXPECT_EQ(events(), 3u);
  bench.unplug(other);
  EXPECT_EQ(events(), 4u);
  bench.remove_card(reader);
  EXPECT_EQ(events(), 4u) << "cards do not count";
}

TEST_F(CoreEvents, ReaderEventsWrapToOne) {
  TestClient& a = client(6);
  // A reader that goes before its first check counts once.
  for (int i = 2; i <= 32767; ++i) {
    Effects fx;
    ReaderSpec spec;
    spec.name = "S";
    spec.domain = bench.core().add_domain();
    const ReaderId id = bench.core().add_reader(spec, bench.now(), fx);
    bench.core().remove_reader(id, bench.now(), fx);
  }
  a.fetch_reader_events();
  EXPECT_EQ(a.reply<wire::ReaderEvents>().reader_events, 1u);
}

TEST_F(CoreEvents, SharingIsAnEvent) {
  TestClient& a = client(4);
  TestClient& b = client(4);
  const auto changes = [&](const auto& action) {
    start_waiting(a, 4);
    action();
    const std::size_t count = a.stream.size();
    a.stop();
    return count;
  };
  CardHandle card = 0;
  CardHandle second = 0;
  EXPECT_EQ(changes([&] { card = b.open("R"); }), 1u);
  EXPECT_EQ(changes([&] { second = b.open("R"); }), 0u) << "in use is in use";
  EXPECT_EQ(changes([&] { (void)b.disconnect(second); }), 0u);
  EXPECT_EQ(changes([&] { (void)b.reconnect(card, ShareMode::exclusive); }), 1u);
  EXPECT_EQ(changes([&] { (void)b.disconnect(card); }), 1u);
}

TEST_F(CoreEvents, ResetsAndTransactionsAreNoEvents) {
  TestClient& b = client(4);
  const CardHandle card = b.open("R");
  TestClient& a = client(4);
  start_waiting(a, 4);
  (void)b.begin(card);
  (void)b.end(card, wire::Disposition::reset);
  (void)b.reconnect(card);
  (void)b.transmit(card);
  EXPECT_THAT(a.stream, IsEmpty());
}

}  // namespace
}  // namespace cardea::core
