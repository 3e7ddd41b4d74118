// Readers that start, come late, and go while clients use them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/core/core_bench.hpp"

namespace cardea::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using wire::ShareMode;

void start_begins(CoreBench& bench) {
  bench.step([&](Core& core, Effects&) { core.reader_start_began(bench.now()); });
}
void start_ends(CoreBench& bench) {
  bench.step([&](Core& core, Effects& fx) { core.reader_start_ended(bench.now(), fx); });
}

TEST(CoreReaders, StateRequestsWaitForReadersThatStart) {
  CoreBench bench;
  start_begins(bench);
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  a.fetch_states();
  b.fetch_size();
  EXPECT_TRUE(a.is_waiting_for_answer());
  bench.add_reader("R");
  start_ends(bench);
  ASSERT_FALSE(a.is_waiting_for_answer());
  EXPECT_EQ(wire::name_text(a.states()[0].name), "R");
  EXPECT_EQ(a.states()[0].state & wire::kStatePresent, wire::kStatePresent);
  EXPECT_FALSE(b.is_waiting_for_answer());
}

TEST(CoreReaders, StateRequestsWaitForTheFirstCheck) {
  CoreBench bench;
  bench.hold_jobs();
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  a.fetch_states();
  EXPECT_TRUE(a.is_waiting_for_answer());
  bench.release_jobs();
  EXPECT_FALSE(a.is_waiting_for_answer());
}

TEST(CoreReaders, AHungStartDelaysStateRequestsForFiveSeconds) {
  CoreBench bench;
  bench.add_reader("R");
  start_begins(bench);
  TestClient& a = bench.add_client();
  a.fetch_states();
  bench.advance(milliseconds{4999});
  EXPECT_TRUE(a.is_waiting_for_answer());
  bench.advance(milliseconds{1});
  ASSERT_FALSE(a.is_waiting_for_answer());
  EXPECT_EQ(wire::name_text(a.states()[0].name), "R");
  a.fetch_states();
  EXPECT_FALSE(a.is_waiting_for_answer()) << "in all, not each time";
  EXPECT_EQ(a.connect("S"), ScardRv::unknown_reader);
}

TEST(CoreReaders, TheNextStartIsWaitedForAnew) {
  CoreBench bench;
  start_begins(bench);
  bench.advance(milliseconds{6'000});
  start_ends(bench);
  start_begins(bench);
  TestClient& a = bench.add_client();
  a.fetch_states();
  EXPECT_TRUE(a.is_waiting_for_answer());
  start_ends(bench);
  EXPECT_FALSE(a.is_waiting_for_answer());
}

TEST(CoreReaders, ConnectWaitsForAReaderThatMayCome) {
  CoreBench bench;
  start_begins(bench);
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  EXPECT_EQ(a.connect("R"), kParked);
  EXPECT_EQ(b.connect("S"), kParked);
  bench.add_reader("R");
  start_ends(bench);
  EXPECT_EQ(a.answer(), ScardRv::success);
  EXPECT_EQ(b.answer(), ScardRv::unknown_reader);
}

TEST(CoreReaders, AConnectThatWaitedForAStartStillWaitsForTheLock) {
  CoreBench bench;
  start_begins(bench);
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  EXPECT_EQ(a.connect("R"), kParked);
  bench.add_reader("R");
  EXPECT_EQ(b.connect("R"), ScardRv::success) << "R is ready, something else still starts";
  EXPECT_EQ(b.begin(b.card()), ScardRv::success);
  const CardHandle lock = bench.core().lock_owner("R");
  bench.advance(milliseconds{6000});
  EXPECT_EQ(a.answer(), kParked) << "not beside somebody else's transaction";
  EXPECT_EQ(b.end(lock), ScardRv::success);
  EXPECT_EQ(a.answer(), ScardRv::success);
}

TEST(CoreReaders, AReaderKeepsItsSlotAndTheNextTakesTheFirstFreeOne) {
  CoreBench bench;
  TestReader& first = bench.add_reader("A");
  bench.add_reader("B");
  bench.add_reader("C");
  bench.unplug(first);
  TestClient& a = bench.add_client();
  a.fetch_states();
  EXPECT_EQ(a.states()[0].name[0], '\0');
  EXPECT_EQ(wire::name_text(a.states()[1].name), "B");
  bench.add_reader("D");
  a.fetch_states();
  EXPECT_EQ(wire::name_text(a.states()[0].name), "D");
  EXPECT_EQ(wire::name_text(a.states()[2].name), "C");
  EXPECT_THAT(bench.core().reader_names(), ElementsAre("D", "B", "C"));
}

TEST(CoreReaders, AreListedByRankAndThenAsTheyCame) {
  CoreBench bench;
  bench.add_reader("plugged 1");
  bench.add_reader("third", {.rank = 2});
  TestReader& first = bench.add_reader("first", {.rank = 0});
  bench.add_reader("second, slot 0", {.rank = 1});
  bench.add_reader("second, slot 1", {.rank = 1});
  bench.add_reader("plugged 2");
  EXPECT_THAT(bench.core().reader_names(), ElementsAre("first", "second, slot 0", "second, slot 1",
                                                       "third", "plugged 1", "plugged 2"));
  bench.unplug(first);
  bench.add_reader("plugged 3");
  bench.add_reader("first again", {.rank = 0});
  EXPECT_THAT(bench.core().reader_names(),
              ElementsAre("first again", "second, slot 0", "second, slot 1", "third", "plugged 1",
                          "plugged 2", "plugged 3"));
}

TEST(CoreReaders, FillTheGapsOfTheirRank) {
  CoreBench bench;
  bench.add_reader("configured", {.rank = 0});
  TestReader& gone = bench.add_reader("gone");
  bench.add_reader("stays");
  bench.unplug(gone);
  bench.add_reader("new");
  EXPECT_THAT(bench.core().reader_names(), ElementsAre("configured", "new", "stays"));
}

TEST(CoreReaders, MoreThanSixteenReadersAreUsable) {
  CoreBench bench;
  for (int i = 0; i < 40; ++i) bench.add_reader("R" + std::to_string(i));
  TestClient& a = bench.add_client();
  EXPECT_EQ(a.connect("R39"), ScardRv::success);
  a.fetch_array();
  EXPECT_EQ(a.states().size(), 48u);
  EXPECT_EQ(wire::name_text(a.states()[39].name), "R39");
}

TEST(CoreReaders, ARemovedReaderAnswersAsMeasured) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  const CardHandle card = a.open("R");
  EXPECT_EQ(a.begin(card), ScardRv::success);
  bench.unplug(reader);
  EXPECT_EQ(a.status(card), ScardRv::reader_unavailable);
  EXPECT_EQ(a.transmit(card), ScardRv::reader_unavailable);
  EXPECT_EQ(a.control(card), ScardRv::reader_unavailable);
  EXPECT_EQ(a.get_attribute(card, 0x90303), ScardRv::reader_unavailable);
  EXPECT_EQ(a.begin(card), ScardRv::reader_unavailable);
  EXPECT_EQ(a.end(card), ScardRv::reader_unavailable);
  EXPECT_EQ(a.reconnect(card), ScardRv::reader_unavailable);
  EXPECT_EQ(a.connect("R"), ScardRv::unknown_reader);
  EXPECT_EQ(a.disconnect(card, wire::Disposition::reset), ScardRv::success);
  EXPECT_EQ(a.release(), ScardRv::success);
  EXPECT_EQ(reader.script->calls().back(), "close");
}

TEST(CoreReaders, AHandleOfARemovedReaderDoesNotMeetItsSuccessor) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  const CardHandle card = a.open("R");
  bench.unplug(reader);
  bench.add_reader("R");
  EXPECT_EQ(a.status(card), ScardRv::reader_unavailable);
  EXPECT_EQ(a.connect("R"), ScardRv::success);
  EXPECT_EQ(a.state_of("R").sharing, 1);
  EXPECT_EQ(a.disconnect(card), ScardRv::success);
  EXPECT_EQ(a.state_of("R").sharing, 1);
}

TEST(CoreReaders, RemovalAnswersAllWhoWaitInLine) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  TestClient& c = bench.add_client();
  TestClient& d = bench.add_client();
  const CardHandle card_a = a.open("R");
  const CardHandle card_b = b.open("R");
  const CardHandle card_c = c.open("R");
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), kParked);
  EXPECT_EQ(c.disconnect(card_c, wire::Disposition::reset), kParked);
  EXPECT_EQ(d.connect("R"), kParked);
  bench.unplug(reader);
  EXPECT_EQ(b.answer(), ScardRv::reader_unavailable);
  EXPECT_EQ(c.answer(), ScardRv::success);
  EXPECT_EQ(d.answer(), ScardRv::unknown_reader);
}

TEST(CoreReaders, RemovalAnswersAllWhoWaitForTheDriver) {
  CoreBench bench;
  const DomainId domain = bench.core().add_domain();
  TestReader& reader = bench.add_reader("R", {.domain = domain});
  bench.add_reader("S", {.domain = domain});
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  TestClient& c = bench.add_client();
  const CardHandle card_a = a.open("S");
  const CardHandle card_b = b.open("R");
  bench.hold_jobs();
  EXPECT_EQ(a.transmit(card_a), kParked);
  EXPECT_EQ(b.transmit(card_b), kParked);
  EXPECT_EQ(c.connect("R", ShareMode::shared, wire::kProtocolT1), ScardRv::success);
  bench.unplug(reader);
  EXPECT_EQ(b.answer(), ScardRv::reader_unavailable);
  EXPECT_EQ(a.answer(), kParked);
  bench.release_jobs();
  EXPECT_EQ(a.answer(), ScardRv::success);
  EXPECT_EQ(reader.script->calls().back(), "close");
}

TEST(CoreReaders, RemovalAnswersWhoseDriverCallRunsAndClosesAfterIt) {
  struct Case {
    const char* name;
    std::function<Outcome(TestClient&, CardHandle)> request;
    ScardRv rv;
    std::size_t handles;
  };
  using Client = TestClient&;
  const Case cases[] = {
      {"transmit", [](Client a, CardHandle card) { return a.transmit(card); },
       ScardRv::reader_unavailable, 1},
      {"control", [](Client a, CardHandle card) { return a.control(card); },
       ScardRv::reader_unavailable, 1},
      {"reconnect",
       [](Client a, CardHandle card) {
         return a.reconnect(card, ShareMode::exclusive, kAnyProtocol, wire::Disposition::reset);
       },
       ScardRv::reader_unavailable, 1},
      {"disconnect",
       [](Client a, CardHandle card) { return a.disconnect(card, wire::Disposition::reset); },
       ScardRv::success, 0},
  };
  for (const Case& test : cases) {
    CoreBench bench;
    TestReader& reader = bench.add_reader("R");
    TestClient& a = bench.add_client();
    const CardHandle card = a.open("R");
    bench.hold_jobs();
    EXPECT_EQ(test.request(a, card), kParked);
    bench.unplug(reader);
    EXPECT_EQ(a.answer(), test.rv) << test.name;
    EXPECT_EQ(bench.core().counts().handles, test.handles) << test.name;
    EXPECT_EQ(bench.waiting_jobs().size(), 1u) << "the driver is still in it";
    bench.release_jobs();
    EXPECT_EQ(a.answers, a.requests);
    EXPECT_EQ(reader.script->calls().back(), "close");
  }
}

TEST(CoreReaders, RemovalDuringAConnectLeavesNoHandle) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  bench.hold_jobs();
  EXPECT_EQ(a.connect("R", ShareMode::exclusive), kParked);
  bench.unplug(reader);
  EXPECT_EQ(a.answer(), ScardRv::reader_unavailable);
  EXPECT_EQ(bench.core().counts().handles, 0u);
  bench.release_jobs();
  EXPECT_EQ(a.connect("R"), ScardRv::unknown_reader);
}

TEST(CoreReaders, RemovalDuringTheFirstCheckEndsTheStart) {
  CoreBench bench;
  bench.hold_jobs();
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  a.fetch_states();
  EXPECT_TRUE(a.is_waiting_for_answer());
  bench.unplug(reader);
  EXPECT_FALSE(a.is_waiting_for_answer());
  bench.release_jobs();
  EXPECT_EQ(reader.driver, nullptr);
  a.fetch_states();
  EXPECT_FALSE(a.is_waiting_for_answer()) << "no start is left over";
}

TEST(CoreReaders, ADomainGoesWithItsLastReader) {
  CoreBench bench;
  const DomainId domain = bench.core().add_domain();
  TestReader& first = bench.add_reader("R", {.domain = domain});
  TestReader& second = bench.add_reader("S", {.domain = domain});
  bench.unplug(first);
  EXPECT_TRUE(bench.core().knows(domain));
  bench.unplug(second);
  EXPECT_FALSE(bench.core().knows(domain));
}

TEST(CoreReaders, ADomainOutlivesTheCloseOfItsLastReader) {
  CoreBench bench;
  const DomainId domain = bench.core().add_domain();
  TestReader& first = bench.add_reader("R", {.domain = domain});
  TestReader& second = bench.add_reader("S", {.domain = domain});
  bench.hold_jobs();
  bench.unplug(first);
  bench.unplug(second);
  EXPECT_THAT(bench.waiting_jobs(), ElementsAre(JobKind::close)) << "one after the other";
  EXPECT_TRUE(bench.run_job());
  EXPECT_TRUE(bench.core().knows(domain));
  EXPECT_TRUE(bench.run_job());
  EXPECT_FALSE(bench.core().knows(domain));
  EXPECT_THAT(bench.waiting_jobs(), IsEmpty());
}

TEST(CoreReaders, AGuestHasTheDriverToHimself) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  const DomainId domain = bench.core().add_domain();
  TestReader& other = bench.add_reader("S", {.domain = domain});
  bench.hold_jobs();
  bool entered = false;
  bench.step([&](Core& core, Effects& fx) {
    core.presence_hint(other.id, bench.now(), fx);
    entered = core.enter_domain(domain, GuestId{1}, bench.now(), fx);
    core.presence_hint(reader.id, bench.now(), fx);
  });
  EXPECT_TRUE(entered);
  EXPECT_THAT(bench.waiting_jobs(), ElementsAre(JobKind::check_presence, JobKind::check_presence));
  bench.run_job(0);
  EXPECT_THAT(bench.waiting_jobs(), ElementsAre(JobKind::check_presence, JobKind::guest));
  bench.hint(other);  // waits for the guest to leave
  EXPECT_THAT(bench.waiting_jobs(), ElementsAre(JobKind::check_presence, JobKind::guest));
  bench.run_job(1);
  EXPECT_THAT(bench.waiting_jobs(), ElementsAre(JobKind::check_presence, JobKind::check_presence));
}

TEST(CoreReaders, ADomainWithAGuestOutlivesItsLastReader) {
  CoreBench bench;
  const DomainId domain = bench.core().add_domain();
  TestReader& reader = bench.add_reader("R", {.domain = domain});
  bench.hold_jobs();
  bench.unplug(reader);
  bench.step([&](Core& core, Effects& fx) {
    EXPECT_TRUE(core.enter_domain(domain, GuestId{1}, bench.now(), fx));
  });
  bench.run_job();
  EXPECT_THAT(bench.waiting_jobs(), ElementsAre(JobKind::guest));
  EXPECT_TRUE(bench.core().knows(domain));
  bench.run_job();
  EXPECT_FALSE(bench.core().knows(domain));
  bench.step([&](Core& core, Effects& fx) {
    EXPECT_FALSE(core.enter_domain(domain, GuestId{2}, bench.now(), fx));
  });
}

}  // namespace
}  // namespace cardea::core
