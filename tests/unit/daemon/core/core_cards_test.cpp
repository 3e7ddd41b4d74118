// Cards that come and go, faults, power, and when the core looks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/daemon/core/core_bench.hpp"

namespace cardea::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using wire::Disposition;
using wire::ShareMode;

constexpr std::uint32_t kPowered =
    wire::kStatePresent | wire::kStatePowered | wire::kStateNegotiable;

std::size_t count(const TestReader& reader, const std::string& call) {
  const auto calls = reader.script->calls();
  return static_cast<std::size_t>(std::count(calls.begin(), calls.end(), call));
}

TEST(CoreCards, InsertionAndRemovalCountAndShow) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R", {.card = false});
  TestClient& a = bench.add_client();
  EXPECT_EQ(a.state_of("R").state, wire::kStateAbsent);
  EXPECT_EQ(a.state_of("R").event_counter, 0u);
  bench.insert(reader);
  auto state = a.state_of("R");
  EXPECT_EQ(state.state, kPowered);
  EXPECT_EQ(state.event_counter, 1u);
  EXPECT_EQ(state.atr_bytes, DriverScript::kAtrT01.size());
  EXPECT_TRUE(std::equal(DriverScript::kAtrT01.begin(), DriverScript::kAtrT01.end(), state.atr));
  bench.remove_card(reader);
  state = a.state_of("R");
  EXPECT_EQ(state.state, wire::kStateAbsent);
  EXPECT_EQ(state.event_counter, 2u);
  EXPECT_EQ(state.atr_bytes, 0u);
  EXPECT_EQ(state.protocol, 0u);
}

TEST(CoreCards, ACardThatIsInFromTheStartDoesNotCount) {
  CoreBench bench;
  bench.add_reader("R");
  EXPECT_EQ(bench.add_client().state_of("R").event_counter, 0u);
}

TEST(CoreCards, TheEventCounterWrapsToZero) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R", {.card = false, .driver_events = false});
  TestClient& a = bench.add_client();
  for (int i = 0; i < 32768; ++i) {
    // Straight into the core: a driver script would keep 100 000 calls.
    for (const CardPhase phase : {CardPhase::powered, CardPhase::absent}) {
      Effects fx;
      bench.core().presence_hint(reader.id, bench.now(), fx);
      JobResult result;
      result.card.emplace().phase = phase;
      bench.core().finish(fx.jobs.at(0), result, bench.now(), fx);
    }
    if (i == 32766) {
      EXPECT_EQ(a.state_of("R").event_counter, 65534u);
    }
  }
  EXPECT_EQ(a.state_of("R").event_counter, 0u);
}

TEST(CoreCards, RemovalMarksAllHandlesAndDropsTheLock) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  TestClient& c = bench.add_client();
  const CardHandle card_a = a.open("R");
  const CardHandle card_b = b.open("R");
  EXPECT_EQ(a.begin(card_a), ScardRv::success);
  EXPECT_EQ(b.begin(card_b), kParked);
  EXPECT_EQ(c.connect("R"), kParked);
  bench.remove_card(reader);
  EXPECT_EQ(bench.core().lock_owner("R"), 0u);
  EXPECT_EQ(b.answer(), ScardRv::removed_card);
  EXPECT_EQ(c.answer(), ScardRv::no_smartcard);
  EXPECT_EQ(a.end(card_a), ScardRv::removed_card);
  EXPECT_EQ(a.transmit(card_a), ScardRv::removed_card);
  EXPECT_EQ(c.connect("R", ShareMode::direct), ScardRv::success);
  bench.insert(reader);
  EXPECT_EQ(a.status(card_a), ScardRv::removed_card) << "until it reconnects";
  EXPECT_EQ(a.reconnect(card_a), ScardRv::success);
  EXPECT_EQ(a.status(card_a), ScardRv::success);
  EXPECT_EQ(b.status(card_b), ScardRv::removed_card);
}

TEST(CoreCards, ExclusiveModeOutlivesTheCardAndItsLockComesBackWithReconnect) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  const CardHandle card = a.open("R", ShareMode::exclusive);
  bench.remove_card(reader);
  EXPECT_EQ(bench.core().lock_owner("R"), 0u);
  EXPECT_EQ(b.connect("R", ShareMode::direct), ScardRv::sharing_violation);
  bench.insert(reader);
  EXPECT_EQ(a.reconnect(card, ShareMode::exclusive), ScardRv::success);
  EXPECT_EQ(bench.core().lock_owner("R"), card);
}

TEST(CoreCards, AMuteCardShowsAndAnswersAsMeasured) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R", {.card = false});
  TestClient& a = bench.add_client();
  bench.insert_mute(reader);
  EXPECT_EQ(a.state_of("R").state, wire::kStatePresent | wire::kStateSwallowed);
  EXPECT_EQ(a.state_of("R").atr_bytes, 0u);
  EXPECT_EQ(a.connect("R"), ScardRv::unpowered_card);
  EXPECT_EQ(a.reply<wire::Connect>().card, 0);
  const CardHandle card = a.open("R", ShareMode::direct);
  EXPECT_EQ(a.reconnect(card), ScardRv::unresponsive_card);
  EXPECT_EQ(a.reconnect(card, ShareMode::shared, kAnyProtocol, Disposition::reset),
            ScardRv::unresponsive_card);
}

TEST(CoreCards, APublishedFaultHealsAndAsksForAReconnect) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  const CardHandle card = a.open("R");
  EXPECT_EQ(a.begin(card), ScardRv::success);
  bench.fail_presence(reader, IfdRv::communication_error);
  const auto state = a.state_of("R");
  EXPECT_EQ(state.state, wire::kStateUnknown);
  EXPECT_EQ(state.atr_bytes, 0u);
  EXPECT_EQ(state.protocol, 0u);
  EXPECT_EQ(a.status(card), ScardRv::reader_unavailable);
  EXPECT_EQ(a.transmit(card), ScardRv::reader_unavailable);
  EXPECT_EQ(a.control(card), ScardRv::reader_unavailable);
  EXPECT_EQ(a.get_attribute(card, 0x90303), ScardRv::reader_unavailable);
  EXPECT_EQ(a.begin(card), ScardRv::reader_unavailable);
  EXPECT_EQ(a.reconnect(card), ScardRv::reader_unavailable);
  EXPECT_EQ(a.end(card), ScardRv::success);
  TestClient& b = bench.add_client();
  EXPECT_EQ(b.connect("R"), ScardRv::reader_unavailable);
  EXPECT_EQ(b.connect("R", ShareMode::direct), ScardRv::reader_unavailable);
  bench.advance(milliseconds{400});
  EXPECT_EQ(a.state_of("R").state, kPowered) << "asked again on the poll grid";
  EXPECT_EQ(a.state_of("R").event_counter, 1u);
  EXPECT_EQ(a.transmit(card), ScardRv::reset_card);
  EXPECT_EQ(a.reconnect(card), ScardRv::success);
  EXPECT_EQ(a.transmit(card), ScardRv::success);
}

TEST(CoreCards, AMarkIsReportedBeforeAFault) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  const CardHandle card = a.open("R");
  EXPECT_EQ(b.disconnect(b.open("R"), Disposition::reset), ScardRv::success);
  bench.fail_presence(reader, IfdRv::communication_error);
  EXPECT_EQ(a.status(card), ScardRv::reset_card);
  EXPECT_EQ(a.transmit(card), ScardRv::reader_unavailable) << "but TRANSMIT looks at the reader";
}

TEST(CoreCards, AFaultDuringARequestIsFollowedUpWithoutADriverEvent) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");  // the driver announces cards, but not this
  TestClient& a = bench.add_client();
  const CardHandle card = a.open("R");
  reader.script->queue_result(DriverCall::transmit, IfdRv::no_such_device);
  EXPECT_EQ(a.transmit(card), ScardRv::reader_unavailable);
  EXPECT_EQ(a.state_of("R").state, wire::kStateUnknown);
  bench.advance(milliseconds{400});
  EXPECT_EQ(a.state_of("R").state, kPowered);
}

TEST(CoreCards, AFaultOverAndOverIsReportedOnce) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  bench.log.clear();
  for (int i = 0; i < 5; ++i) {
    reader.script->queue_result(DriverCall::presence, IfdRv::communication_error);
  }
  bench.hint(reader);
  bench.advance(milliseconds{4 * 400});
  EXPECT_THAT(bench.log, ElementsAre(testing::HasSubstr("the driver reports a fault")));
}

TEST(CoreCards, PolledReadersShareOneGrid) {
  CoreBench bench;
  std::vector<TestReader*> readers;
  for (int i = 0; i < 3; ++i) {
    readers.push_back(
        &bench.add_reader("R" + std::to_string(i), {.card = false, .driver_events = false}));
    bench.advance(milliseconds{37});
  }
  const auto deadline = bench.core().next_deadline();
  ASSERT_TRUE(deadline);
  EXPECT_EQ(deadline->time_since_epoch() % milliseconds{400}, Duration::zero());
  bench.advance(milliseconds{4000});
  for (const TestReader* reader : readers) EXPECT_EQ(count(*reader, "presence"), 11u);
}

TEST(CoreCards, ReadersWithDriverEventsAreNotPolled) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R", {.card = false});
  EXPECT_EQ(bench.core().next_deadline(), std::nullopt);
  bench.advance(std::chrono::hours{24});
  EXPECT_THAT(reader.script->calls(), ElementsAre("presence"));
}

TEST(CoreCards, ACardThatMovesDuringACheckIsNotMissed) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R", {.card = false});
  TestClient& a = bench.add_client();
  bench.hold_jobs();
  bench.insert(reader);
  ASSERT_THAT(bench.waiting_jobs(), ElementsAre(JobKind::check_presence));
  // The driver announces the removal while the check for the insertion is on its way; that check
  // still reports a card.
  bench.hint(reader);
  ASSERT_TRUE(bench.run_job());
  reader.script->remove_card();
  bench.release_jobs();
  EXPECT_EQ(a.state_of("R").state, wire::kStateAbsent);
}

TEST(CoreCards, HintsForAWaitingCheckAreOne) {
  CoreBench bench;
  const DomainId domain = bench.core().add_domain();
  TestReader& reader = bench.add_reader("R", {.domain = domain});
  TestReader& other = bench.add_reader("S", {.domain = domain});
  bench.hold_jobs();
  bench.hint(other);
  for (int i = 0; i < 10; ++i) bench.hint(reader);
  EXPECT_EQ(bench.core().counts().queued, 1u);
  bench.release_jobs();
  EXPECT_EQ(count(reader, "presence"), 3u) << "two at the start";
}

TEST(CoreCards, AnUnusedCardIsPoweredOffAndStillShowsAsPowered) {
  struct Case {
    bool driver_events;
    milliseconds delay;
  };
  for (const Case& test : {Case{false, milliseconds{400}}, Case{true, milliseconds{5000}}}) {
    CoreBench bench;
    TestReader& reader = bench.add_reader("R", {.driver_events = test.driver_events});
    TestClient& a = bench.add_client();
    bench.advance(test.delay - milliseconds{1});
    EXPECT_EQ(count(reader, "power down"), 0u);
    bench.advance(milliseconds{1});
    EXPECT_EQ(count(reader, "power down"), 1u);
    EXPECT_EQ(a.state_of("R").state, kPowered);
    EXPECT_EQ(a.state_of("R").event_counter, 0u);
    EXPECT_EQ(a.state_of("R").atr_bytes, DriverScript::kAtrT01.size());
    bench.advance(std::chrono::minutes{1});
    EXPECT_EQ(count(reader, "power down"), 1u) << "once";
    const CardHandle card = a.open("R");
    EXPECT_EQ(count(reader, "power up"), 2u);
    bench.advance(std::chrono::minutes{1});
    EXPECT_EQ(count(reader, "power down"), 1u) << "not while it is used";
    EXPECT_EQ(a.disconnect(card), ScardRv::success);
    bench.advance(test.delay - milliseconds{1});
    EXPECT_EQ(count(reader, "power down"), 1u);
    bench.advance(milliseconds{1});
    EXPECT_EQ(count(reader, "power down"), 2u);
    EXPECT_EQ(a.state_of("R").protocol, 0u) << "the protocol is settled anew";
  }
}

TEST(CoreCards, ADirectHandleKeepsThePowerOn) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R", {.driver_events = false});
  TestClient& a = bench.add_client();
  (void)a.open("R", ShareMode::direct);
  bench.advance(std::chrono::minutes{1});
  EXPECT_EQ(count(reader, "power down"), 0u);
}

TEST(CoreCards, AMuteOrSwitchedOffCardIsNotPoweredOff) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  EXPECT_EQ(a.disconnect(a.open("R"), Disposition::unpower), ScardRv::success);
  bench.advance(std::chrono::minutes{1});
  EXPECT_EQ(count(reader, "power down"), 1u) << "by the client";
  EXPECT_EQ(a.state_of("R").state, wire::kStatePresent);
}

TEST(CoreCards, APowerOffThatWaitedIsForgottenWhenSomebodyConnects) {
  CoreBench bench;
  const DomainId domain = bench.core().add_domain();
  TestReader& reader = bench.add_reader("R", {.domain = domain});
  TestReader& other = bench.add_reader("S", {.domain = domain});
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  const CardHandle busy = b.open("S");
  bench.hold_jobs();
  EXPECT_EQ(b.transmit(busy), kParked);
  bench.advance(milliseconds{5000});
  EXPECT_EQ(a.connect("R"), kParked);
  bench.release_jobs();
  EXPECT_EQ(a.answer(), ScardRv::success);
  EXPECT_EQ(a.transmit(a.card()), ScardRv::success);
  (void)other;
  EXPECT_LE(count(reader, "power down"), 1u);
}

TEST(CoreCards, DisconnectResetShowsTheNewAtr) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  const CardHandle card = a.open("R");
  reader.script->insert_card(DriverScript::kAtrT1);  // swapped unnoticed
  EXPECT_EQ(a.disconnect(card, Disposition::reset), ScardRv::success);
  EXPECT_EQ(a.state_of("R").atr_bytes, DriverScript::kAtrT1.size());
  EXPECT_EQ(a.state_of("R").protocol, 0u);
}

TEST(CoreCards, ACardThatIsNeverPoweredOffKeepsItsStateForTenMinutes) {
  CoreBench bench;
  TestReaderOptions options;
  options.power_off.kind = PowerOff::Kind::never;
  TestReader& reader = bench.add_reader("R", options);
  TestClient& a = bench.add_client();
  const CardHandle card = a.open("R");
  EXPECT_EQ(a.disconnect(card), ScardRv::success);
  bench.advance(std::chrono::minutes(10));
  EXPECT_EQ(count(reader, "power down"), 0u);
  a.open("R");
  EXPECT_EQ(count(reader, "power up"), 1u);
}

TEST(CoreCards, AnUnusedCardIsPoweredOffWhenTheAdministratorSaid) {
  CoreBench bench;
  TestReaderOptions options;
  options.power_off = {PowerOff::Kind::after, std::chrono::seconds(60)};
  TestReader& reader = bench.add_reader("R", options);
  bench.advance(milliseconds(59'999));
  EXPECT_EQ(count(reader, "power down"), 0u);
  bench.advance(milliseconds(1));
  EXPECT_EQ(count(reader, "power down"), 1u);
}

TEST(CoreCards, AFailedExchangeLooksForTheCard) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  const CardHandle card = a.open("R");
  const std::size_t before = count(reader, "presence");
  EXPECT_EQ(a.transmit(card), ScardRv::success);
  EXPECT_EQ(count(reader, "presence"), before);
  reader.script->queue_result(DriverCall::transmit, IfdRv::communication_error);
  // The driver has noticed meanwhile that the card lost its power, and says so once.
  reader.script->queue_result(DriverCall::presence, IfdRv::icc_not_present);
  EXPECT_EQ(a.transmit(card), ScardRv::not_transacted);
  // Looked for, looked for again because no event will say that it is there, and powered.
  EXPECT_EQ(count(reader, "presence"), before + 3);
  EXPECT_EQ(a.transmit(card), ScardRv::removed_card);
  EXPECT_EQ(a.reconnect(card), ScardRv::success);
  EXPECT_EQ(a.transmit(card), ScardRv::success);
}

TEST(CoreCards, AConnectThatTheCardDoesNotAnswerLooksForIt) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  reader.script->queue_result(DriverCall::set_protocol, IfdRv::communication_error);
  reader.script->queue_result(DriverCall::presence, IfdRv::icc_not_present);
  EXPECT_EQ(a.connect("R"), ScardRv::unresponsive_card);
  EXPECT_EQ(count(reader, "power up"), 2u);
  EXPECT_EQ(a.connect("R"), ScardRv::success);
}

TEST(CoreCards, ACardThatIsGoneIsLookedForOnceMore) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  const std::size_t before = count(reader, "presence");
  bench.remove_card(reader);
  EXPECT_EQ(count(reader, "presence"), before + 2);
  bench.advance(std::chrono::minutes(10));
  EXPECT_EQ(count(reader, "presence"), before + 2);
}

TEST(CoreCards, ALastingFaultIsReportedOnce) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  CoreBench::break_presence(reader);
  bench.hint(reader);
  bench.advance(milliseconds(4'999));
  EXPECT_THAT(bench.faulty, IsEmpty());
  bench.advance(milliseconds(1));
  EXPECT_THAT(bench.faulty, ElementsAre(reader.id));
  bench.advance(std::chrono::minutes(1));
  EXPECT_THAT(bench.faulty, ElementsAre(reader.id));
}

TEST(CoreCards, AReaderThatIsFaultyFromItsStartIsReported) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestReaderOptions options;
  options.broken = true;
  TestReader& broken = bench.add_reader("B", options);
  bench.advance(std::chrono::seconds(5));
  EXPECT_THAT(bench.faulty, ElementsAre(broken.id));
  EXPECT_NE(reader.id, broken.id);
}

TEST(CoreCards, AFaultThatPassesIsNotReported) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  for (int i = 0; i < 4; ++i) {
    bench.fail_presence(reader, IfdRv::communication_error);
    bench.advance(std::chrono::seconds(3));
  }
  EXPECT_THAT(bench.faulty, IsEmpty());
}

}  // namespace
}  // namespace cardea::core
