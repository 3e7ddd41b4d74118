// What a monitor is told: the difference between two moments, and what a status says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/core/core_bench.hpp"

namespace cardea::core {
namespace {

using Kind = Change::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

class Changes : public testing::Test {
 protected:
  /// Kinds of what has happened since the last call.
  std::vector<Kind> seen() {
    std::vector<ReaderSnapshot> now = bench.core().reader_snapshots();
    last = changes(before, now);
    before = std::move(now);
    std::vector<Kind> kinds;
    for (const Change& change : last) kinds.push_back(change.kind);
    return kinds;
  }

  CoreBench bench;
  std::vector<ReaderSnapshot> before;
  std::vector<Change> last;
};

TEST_F(Changes, TellReadersAndCards) {
  EXPECT_THAT(seen(), IsEmpty());
  TestReader& reader = bench.add_reader("R", {.card = false});
  EXPECT_THAT(seen(), ElementsAre(Kind::reader_added));
  bench.insert(reader);
  EXPECT_THAT(seen(), ElementsAre(Kind::card_inserted));
  EXPECT_EQ(last.front().reader, "R");
  EXPECT_EQ(last.front().atr.substr(0, 2), "3B");
  bench.remove_card(reader);
  EXPECT_THAT(seen(), ElementsAre(Kind::card_removed));
  bench.unplug(reader);
  EXPECT_THAT(seen(), ElementsAre(Kind::reader_removed));
  EXPECT_THAT(seen(), IsEmpty());
}

TEST_F(Changes, TellAFault) {
  TestReader& reader = bench.add_reader("R");
  seen();
  bench.fail_presence(reader, IfdRv::communication_error);
  EXPECT_THAT(seen(), ElementsAre(Kind::reader_fault));
}

TEST_F(Changes, TellWhoHasTheCardAndWhoWaits) {
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  seen();
  const CardHandle card_a = a.open("R");
  const CardHandle card_b = b.open("R");
  EXPECT_THAT(seen(), ElementsAre(Kind::handle_opened, Kind::handle_opened));
  ASSERT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_THAT(seen(), ElementsAre(Kind::lock_taken));
  ASSERT_EQ(b.begin(card_b), kParked);
  EXPECT_THAT(seen(), ElementsAre(Kind::wait_began));
  ASSERT_EQ(a.end(card_a), ScardRv::success);
  EXPECT_THAT(seen(), ElementsAre(Kind::lock_handed, Kind::wait_ended));
  EXPECT_NE(last.front().conn, last.front().previous);
  ASSERT_EQ(b.end(card_b), ScardRv::success);
  EXPECT_THAT(seen(), ElementsAre(Kind::lock_released));
}

TEST_F(Changes, TellAnExclusiveConnection) {
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  seen();
  ASSERT_EQ(a.connect("R", wire::ShareMode::exclusive), ScardRv::success);
  EXPECT_THAT(seen(), ElementsAre(Kind::handle_opened, Kind::lock_taken));
  EXPECT_TRUE(last.back().exclusive);
}

TEST_F(Changes, OfAReaderThatGoesIncludeItsHolder) {
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  ASSERT_EQ(a.begin(a.open("R")), ScardRv::success);
  seen();
  bench.unplug(reader);
  EXPECT_THAT(seen(), ElementsAre(Kind::lock_released, Kind::handle_closed, Kind::reader_removed));
}

TEST(Snapshot, NamesHolderAndWaitersWithTheirTimes) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  const CardHandle card_a = a.open("R");
  const CardHandle card_b = b.open("R");
  ASSERT_EQ(a.begin(card_a), ScardRv::success);
  const TimePoint began = bench.now();
  bench.advance(milliseconds{3'000});
  ASSERT_EQ(a.transmit(card_a), ScardRv::success);
  const TimePoint used = bench.now();
  bench.advance(milliseconds{500});
  ASSERT_EQ(b.begin(card_b), kParked);
  const TimePoint asked = bench.now();
  bench.advance(milliseconds{400});

  const Snapshot snapshot = bench.core().snapshot();
  ASSERT_EQ(snapshot.readers.size(), 1U);
  ASSERT_EQ(snapshot.clients.size(), 2U);
  const ReaderSnapshot& reader = snapshot.readers.front();
  ASSERT_TRUE(reader.holder);
  EXPECT_EQ(reader.holder->card, card_a);
  EXPECT_TRUE(reader.holder->transaction);
  EXPECT_EQ(reader.holder->since, began);
  EXPECT_EQ(reader.holder->idle_since, used);
  ASSERT_EQ(reader.waiters.size(), 1U);
  EXPECT_TRUE(reader.waiters.front().wants_lock);
  EXPECT_EQ(reader.waiters.front().since, asked);
  EXPECT_EQ(reader.handles.size(), 2U);
}

TEST(Snapshot, AWaiterThatAsksAgainHasWaitedAllTheTime) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  const CardHandle card_a = a.open("R");
  const CardHandle card_b = b.open("R");
  ASSERT_EQ(a.begin(card_a), ScardRv::success);
  ASSERT_EQ(b.begin(card_b), kParked);
  const TimePoint asked = bench.now();
  bench.advance(milliseconds{1'100});  // answered "ask again"
  ASSERT_EQ(b.answer(), ScardRv::sharing_violation);
  ASSERT_EQ(b.begin(card_b), kParked);
  const auto readers = bench.core().reader_snapshots();
  ASSERT_EQ(readers.front().waiters.size(), 1U);
  EXPECT_EQ(readers.front().waiters.front().since, asked);
}

}  // namespace
}  // namespace cardea::core
