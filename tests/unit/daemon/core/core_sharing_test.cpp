// Share modes, protocols and handles: CONNECT, RECONNECT, DISCONNECT.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/core/core_bench.hpp"

namespace cardea::core {
namespace {

using testing::ElementsAre;
using wire::Disposition;
using wire::ShareMode;

constexpr std::uint32_t kRaw = wire::kProtocolRaw;
constexpr std::uint32_t kT0 = wire::kProtocolT0;
constexpr std::uint32_t kT1 = wire::kProtocolT1;

TEST(CoreSharing, ConnectChecksItsParametersInOrder) {
  struct Case {
    std::uint32_t mode;
    std::uint32_t protocols;
    const char* reader;
    ScardRv rv;
  };
  for (const Case& test :
       {Case{2, 0, "none", ScardRv::proto_mismatch}, Case{2, 8, "R", ScardRv::proto_mismatch},
        Case{2, 0x10000, "R", ScardRv::proto_mismatch}, Case{0, 3, "none", ScardRv::invalid_value},
        Case{4, 3, "R", ScardRv::invalid_value}, Case{0, 0, "R", ScardRv::proto_mismatch},
        Case{2, 3, "none", ScardRv::unknown_reader}, Case{2, 3, "", ScardRv::unknown_reader},
        Case{2, 3, "r", ScardRv::unknown_reader}, Case{3, 0, "none", ScardRv::unknown_reader},
        Case{3, 0, "R", ScardRv::success}, Case{2, 3, "R", ScardRv::success}}) {
    CoreBench bench;
    bench.add_reader("R");
    TestClient& a = bench.add_client();
    EXPECT_EQ(a.connect(test.reader, static_cast<ShareMode>(test.mode), test.protocols), test.rv)
        << test.mode << " " << test.protocols << " " << test.reader;
    const auto reply = a.reply<wire::Connect>();
    EXPECT_EQ(reply.card != 0, test.rv == ScardRv::success);
    EXPECT_EQ(bench.core().counts().handles, test.rv == ScardRv::success ? 1u : 0u);
  }
}

TEST(CoreSharing, ConnectChecksItsContext) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  wire::Connect message{};
  message.context = a.context + 1;
  message.card = 77;
  wire::set_name(message.reader, "R");
  message.share_mode = 2;
  message.preferred_protocols = kAnyProtocol;
  EXPECT_EQ(a.connect(message), ScardRv::invalid_value);
  EXPECT_EQ(a.reply<wire::Connect>().card, 0);
}

TEST(CoreSharing, ConnectSettlesTheProtocolAsMeasured) {
  struct Case {
    DriverScript::Bytes atr;
    std::uint32_t want;
    std::uint32_t active;  ///< 0: PROTO_MISMATCH
  };
  const auto& both = DriverScript::kAtrT01;
  const auto& t1 = DriverScript::kAtrT1;
  const auto& t0 = DriverScript::kAtrT0;
  for (const Case& test :
       {Case{both, 1, 1}, Case{both, 2, 2}, Case{both, 3, 2}, Case{both, 4, 4}, Case{both, 7, 4},
        Case{both, 0x1000, 2}, Case{t1, 1, 0}, Case{t1, 2, 2}, Case{t1, 3, 2}, Case{t1, 4, 4},
        Case{t1, 7, 4}, Case{t1, 0x1000, 2}, Case{t0, 1, 1}, Case{t0, 2, 0}, Case{t0, 3, 1},
        Case{t0, 4, 4}, Case{t0, 7, 4}, Case{t0, 0x1000, 1}}) {
    CoreBench bench;
    TestReader& reader = bench.add_reader("R", {.card = false});
    reader.script->insert_card(test.atr);
    bench.hint(reader);
    TestClient& a = bench.add_client();
    EXPECT_EQ(a.connect("R", ShareMode::shared, test.want),
              test.active == 0 ? ScardRv::proto_mismatch : ScardRv::success)
        << "ATR of " << test.atr.size() << " bytes, want " << test.want;
    EXPECT_EQ(a.reply<wire::Connect>().active_protocol, test.active);
    EXPECT_EQ(bench.core().counts().handles, test.active == 0 ? 0u : 1u);
  }
}

TEST(CoreSharing, ASettledProtocolBindsTheNextClient) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  (void)a.open("R", ShareMode::shared, kT1);
  EXPECT_EQ(b.connect("R", ShareMode::shared, kT0), ScardRv::proto_mismatch);
  EXPECT_EQ(b.connect("R", ShareMode::shared, kT0 | kT1), ScardRv::success);
  EXPECT_EQ(b.reply<wire::Connect>().active_protocol, kT1);
}

TEST(CoreSharing, ExclusiveKeepsAllOthersOut) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  const CardHandle card = a.open("R", ShareMode::exclusive);
  EXPECT_EQ(bench.core().lock_owner("R"), card);
  EXPECT_EQ(a.state_of("R").sharing, -1);
  for (TestClient* client : {&a, &b}) {
    for (const ShareMode mode : {ShareMode::shared, ShareMode::direct, ShareMode::exclusive}) {
      EXPECT_EQ(client->connect("R", mode), ScardRv::sharing_violation);
    }
  }
  EXPECT_EQ(a.disconnect(card), ScardRv::success);
  EXPECT_EQ(b.connect("R"), ScardRv::success);
}

TEST(CoreSharing, ExclusiveNeedsAFreeReader) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  (void)a.open("R", ShareMode::direct);
  EXPECT_EQ(b.connect("R", ShareMode::exclusive), ScardRv::sharing_violation);
  EXPECT_EQ(bench.core().lock_owner("R"), 0u);
}

TEST(CoreSharing, DirectNeverTouchesTheCard) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R", {.card = false});
  TestClient& a = bench.add_client();
  EXPECT_EQ(a.connect("R"), ScardRv::no_smartcard);
  EXPECT_EQ(a.connect("R", ShareMode::direct, 0), ScardRv::success);
  EXPECT_EQ(a.reply<wire::Connect>().active_protocol, 0u);
  EXPECT_EQ(a.reconnect(a.card(), ShareMode::direct, 0), ScardRv::no_smartcard);
  EXPECT_THAT(reader.script->calls(), ElementsAre("presence"));
}

TEST(CoreSharing, ConnectWaitsForTheEndOfATransaction) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  TestClient& c = bench.add_client();
  const CardHandle card = a.open("R");
  EXPECT_EQ(a.begin(card), ScardRv::success);
  EXPECT_EQ(b.connect("R"), kParked);
  EXPECT_EQ(c.connect("R", ShareMode::exclusive), kParked);
  bench.advance(std::chrono::minutes{10});
  EXPECT_EQ(b.answer(), kParked) << "without limit, as it always was";
  EXPECT_EQ(a.end(card), ScardRv::success);
  EXPECT_EQ(b.answer(), ScardRv::success);
  EXPECT_EQ(c.answer(), ScardRv::sharing_violation);
}

TEST(CoreSharing, AConnectBesideOnesOwnTransactionDoesNotWait) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  const CardHandle card = a.open("R", ShareMode::shared, kT1);
  EXPECT_EQ(a.begin(card), ScardRv::success);
  EXPECT_EQ(a.connect("R"), ScardRv::success);
  const CardHandle second = a.card();
  EXPECT_EQ(a.reply<wire::Connect>().active_protocol, kT1);
  EXPECT_EQ(a.connect("R", ShareMode::direct), ScardRv::success);
  EXPECT_EQ(a.connect("R", ShareMode::exclusive), ScardRv::sharing_violation);
  EXPECT_EQ(a.connect("R", ShareMode::shared, kT0), ScardRv::sharing_violation);
  EXPECT_EQ(bench.core().lock_owner("R"), card) << "the transaction goes on";
  EXPECT_EQ(a.transmit(second), ScardRv::sharing_violation) << "the lock is the handle's";
  EXPECT_EQ(a.end(card), ScardRv::success);
  EXPECT_EQ(a.transmit(second), ScardRv::success);
}

TEST(CoreSharing, AConnectBehindOnesOwnProcessWaitsASecond) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client_of({50, 1000});
  TestClient& b = bench.add_client_of({50, 1000});
  TestClient& c = bench.add_client_of({50, 1000});
  const CardHandle card = a.open("R");
  EXPECT_EQ(a.begin(card), ScardRv::success);
  EXPECT_EQ(b.connect("R"), kParked);
  EXPECT_EQ(c.connect("R", ShareMode::exclusive), kParked);
  bench.advance(milliseconds{999});
  EXPECT_EQ(b.answer(), kParked);
  bench.advance(milliseconds{1});
  EXPECT_EQ(b.answer(), ScardRv::success);
  EXPECT_EQ(c.answer(), ScardRv::sharing_violation);
}

TEST(CoreSharing, ClientsWithoutAVisibleProcessAreNotOneProcess) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client_of({0, 1000});
  TestClient& b = bench.add_client_of({0, 1000});
  const CardHandle card = a.open("R");
  EXPECT_EQ(a.begin(card), ScardRv::success);
  EXPECT_EQ(b.connect("R"), kParked);
  bench.advance(milliseconds{5000});
  EXPECT_EQ(b.answer(), kParked);
}

TEST(CoreSharing, DisconnectWithActionBesideOnesOwnTransactionIsRefused) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  const CardHandle card = a.open("R");
  const CardHandle second = a.open("R");
  EXPECT_EQ(a.begin(card), ScardRv::success);
  EXPECT_EQ(a.disconnect(second, Disposition::reset), ScardRv::sharing_violation);
  EXPECT_EQ(a.disconnect(second), ScardRv::success) << "it stayed open";
}

TEST(CoreSharing, DisconnectWithActionWaitsForTheEndOfATransaction) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  const CardHandle card = a.open("R");
  const CardHandle other = b.open("R");
  EXPECT_EQ(a.begin(card), ScardRv::success);
  EXPECT_EQ(b.disconnect(other, Disposition::reset), kParked);
  bench.advance(std::chrono::seconds{30});
  EXPECT_EQ(b.answer(), kParked);
  EXPECT_EQ(a.end(card), ScardRv::success);
  EXPECT_EQ(b.answer(), ScardRv::success);
  EXPECT_EQ(reader.script->calls().back(), "power reset");
  EXPECT_EQ(a.status(card), ScardRv::reset_card);
}

TEST(CoreSharing, ReconnectChecksItsParametersInOrder) {
  struct Case {
    std::uint32_t mode;
    std::uint32_t protocols;
    std::uint32_t initialization;
    ScardRv rv;
  };
  for (const Case& test :
       {Case{2, 0, 3, ScardRv::invalid_value}, Case{0, 0, 0, ScardRv::invalid_value},
        Case{4, 3, 0, ScardRv::invalid_value}, Case{2, 0, 0, ScardRv::proto_mismatch},
        Case{2, 8, 1, ScardRv::proto_mismatch}, Case{2, 3, 0, ScardRv::success}}) {
    CoreBench bench;
    TestReader& reader = bench.add_reader("R");
    TestClient& a = bench.add_client();
    const CardHandle card = a.open("R");
    EXPECT_EQ(a.reconnect(card, static_cast<ShareMode>(test.mode), test.protocols,
                          static_cast<Disposition>(test.initialization)),
              test.rv)
        << test.mode << " " << test.protocols << " " << test.initialization;
    EXPECT_NE(reader.script->calls().back(), "power reset");
  }
}

TEST(CoreSharing, ReconnectToSharedReleasesTheLockOfExclusiveMode) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  const CardHandle card = a.open("R", ShareMode::exclusive);
  EXPECT_EQ(a.reconnect(card), ScardRv::success);
  EXPECT_EQ(bench.core().lock_owner("R"), 0u);
  EXPECT_EQ(b.connect("R"), ScardRv::success);
  EXPECT_EQ(a.end(card), ScardRv::not_transacted);
}

TEST(CoreSharing, ReconnectToSharedKeepsATransactionOpen) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  const CardHandle card = a.open("R", ShareMode::exclusive);
  EXPECT_EQ(a.begin(card), ScardRv::success);
  EXPECT_EQ(a.reconnect(card), ScardRv::success);
  EXPECT_EQ(bench.core().lock_owner("R"), card);
  EXPECT_EQ(a.end(card), ScardRv::success);
  EXPECT_EQ(bench.core().lock_owner("R"), 0u);
}

TEST(CoreSharing, ReconnectToExclusiveAsksBeforeItResets) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  const CardHandle card = a.open("R");
  const CardHandle other = b.open("R");
  EXPECT_EQ(a.reconnect(card, ShareMode::exclusive, kAnyProtocol, Disposition::reset),
            ScardRv::sharing_violation);
  EXPECT_NE(reader.script->calls().back(), "power reset");
  EXPECT_EQ(b.status(other), ScardRv::success);
  EXPECT_EQ(b.disconnect(other), ScardRv::success);
  EXPECT_EQ(a.reconnect(card, ShareMode::exclusive, kAnyProtocol, Disposition::reset),
            ScardRv::success);
  EXPECT_EQ(bench.core().lock_owner("R"), card);
}

TEST(CoreSharing, AReconnectToExclusiveKeepsOthersOutWhileItRuns) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  const CardHandle card = a.open("R");
  bench.hold_jobs();
  EXPECT_EQ(a.reconnect(card, ShareMode::exclusive), kParked);
  EXPECT_EQ(b.connect("R"), ScardRv::sharing_violation);
  bench.release_jobs();
  EXPECT_EQ(a.answer(), ScardRv::success);
  EXPECT_EQ(bench.core().lock_owner("R"), card);
}

TEST(CoreSharing, AReconnectToExclusiveThatFailsGivesTheReaderBack) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  const CardHandle card = a.open("R");
  reader.script->queue_result(DriverCall::power, IfdRv::communication_error);
  EXPECT_EQ(a.reconnect(card, ShareMode::exclusive, kAnyProtocol, Disposition::reset),
            ScardRv::unresponsive_card);
  EXPECT_EQ(bench.core().lock_owner("R"), 0u);
  EXPECT_EQ(a.state_of("R").sharing, 1);
  EXPECT_EQ(b.connect("R", ShareMode::direct), ScardRv::success);
}

TEST(CoreSharing, ReconnectThatFailsKeepsTheMark) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  const CardHandle card = a.open("R", ShareMode::shared, kT1);
  EXPECT_EQ(a.reconnect(card, ShareMode::shared, kT0, Disposition::reset), ScardRv::success);
  reader.script->queue_result(DriverCall::set_protocol, IfdRv::pts_failure);
  EXPECT_EQ(a.reconnect(card, ShareMode::shared, kT1, Disposition::reset),
            ScardRv::unresponsive_card);
  EXPECT_EQ(a.reply<wire::Reconnect>().active_protocol, 0u);
  EXPECT_EQ(a.status(card), ScardRv::reset_card);
  EXPECT_EQ(a.reconnect(card, ShareMode::shared, kT1), ScardRv::success);
  EXPECT_EQ(a.status(card), ScardRv::success);
}

TEST(CoreSharing, AFailedResetOfAMissingCardKeepsTheMarkRemoved) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  const CardHandle card = a.open("R");
  reader.script->remove_card();  // nobody has noticed yet
  EXPECT_EQ(a.reconnect(card, ShareMode::shared, kAnyProtocol, Disposition::reset),
            ScardRv::no_smartcard);
  EXPECT_EQ(a.status(card), ScardRv::removed_card);
  EXPECT_EQ(a.reconnect(card, ShareMode::shared, kAnyProtocol, Disposition::reset),
            ScardRv::no_smartcard);
  EXPECT_EQ(a.status(card), ScardRv::removed_card);
}

TEST(CoreSharing, ReconnectPowersACardThatSomebodySwitchedOff) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  const CardHandle card = a.open("R");
  EXPECT_EQ(b.connect("R"), ScardRv::success);
  EXPECT_EQ(b.disconnect(b.card(), Disposition::unpower), ScardRv::success);
  EXPECT_EQ(a.state_of("R").state, wire::kStatePresent);
  EXPECT_EQ(a.status(card), ScardRv::reset_card);
  EXPECT_EQ(a.reconnect(card), ScardRv::success);
  EXPECT_EQ(a.reply<wire::Reconnect>().active_protocol, kT1);
  EXPECT_EQ(reader.script->calls().back(), "set_protocol 2");
  EXPECT_EQ(a.transmit(card), ScardRv::success);
}

TEST(CoreSharing, RawBindsThoseWhoComeWhileItIsOpen) {
  CoreBench bench;
  TestReader& reader = bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  const CardHandle card = a.open("R", ShareMode::shared, kRaw | kT1);
  EXPECT_EQ(a.reply<wire::Connect>().active_protocol, kRaw);
  EXPECT_EQ(b.connect("R", ShareMode::shared, kT1), ScardRv::proto_mismatch);
  EXPECT_EQ(a.state_of("R").protocol, kRaw);
  EXPECT_EQ(a.transmit(card, kRaw), ScardRv::success);
  EXPECT_EQ(reader.script->calls().back(), "transmit 4 00A40000");
}

TEST(CoreSharing, AnyOldProtocolFitsTheChosenOne) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  a.open("R", ShareMode::shared, kT1);
  EXPECT_EQ(b.connect("R", ShareMode::shared, wire::kProtocolAnyOld), ScardRv::success);
  EXPECT_EQ(b.reply<wire::Connect>().active_protocol, kT1);
}

TEST(CoreSharing, RawEndsWithItsHandle) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  const CardHandle card = a.open("R", ShareMode::shared, kRaw);
  EXPECT_EQ(a.disconnect(card), ScardRv::success);
  EXPECT_EQ(b.connect("R", ShareMode::shared, kT1), ScardRv::success);
  EXPECT_EQ(b.reply<wire::Connect>().active_protocol, kT1);
}

TEST(CoreSharing, RawDoesNotDisturbASettledProtocol) {
  CoreBench bench;
  bench.add_reader("R");
  TestClient& a = bench.add_client();
  TestClient& b = bench.add_client();
  const CardHandle card = a.open("R", ShareMode::shared, kT1);
  const CardHandle raw = b.open("R", ShareMode::direct, kRaw);
  EXPECT_EQ(a.transmit(card), ScardRv::success);
  EXPECT_EQ(b.transmit(raw, kRaw), ScardRv::success);
  EXPECT_EQ(a.transmit(card), ScardRv::success);
}

TEST(CoreSharing, AConnectThatComesDuringTheAutomaticPowerOffPowersTheCardAgain) {
  for (const std::uint32_t protocol : {kT1, kRaw}) {
    CoreBench bench;
    TestReader& reader = bench.add_reader("R");
    TestClient& a = bench.add_client();
    TestClient& b = bench.add_client();
    EXPECT_EQ(a.disconnect(a.open("R")), ScardRv::success);
    bench.hold_jobs();
    bench.advance(milliseconds{5000});
    ASSERT_THAT(bench.waiting_jobs(), ElementsAre(JobKind::power_off));
    EXPECT_EQ(b.connect("R", ShareMode::shared, protocol), kParked);
    bench.release_jobs();
    EXPECT_EQ(b.answer(), ScardRv::success);
    EXPECT_EQ(b.transmit(b.card(), protocol), ScardRv::success);
    EXPECT_EQ(reader.script->calls().back(),
              protocol == kT1 ? "transmit 1 00A40000" : "transmit 4 00A40000");
  }
}

}  // namespace
}  // namespace cardea::core
