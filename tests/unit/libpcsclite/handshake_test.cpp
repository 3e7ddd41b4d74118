#include "libpcsclite/handshake.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "fake_daemon.hpp"

namespace cardea {
namespace {

using test::FakeAnswer;
using test::FakeDaemon;
using wire::Command;
using Reads = std::vector<std::vector<Command>>;

struct Negotiation {
  const char* what;
  std::set<int> minors;
  int own_minor;
  bool names_own_minor;
  std::uint32_t refusal;
  int agreed;
  int proposals;
};

class HandshakeWith : public testing::TestWithParam<Negotiation> {};

TEST_P(HandshakeWith, Agrees) {
  const Negotiation& row = GetParam();
  FakeDaemon::Options options;
  options.minors = row.minors;
  options.own_minor = row.own_minor;
  options.names_own_minor = row.names_own_minor;
  options.refusal = row.refusal;
  FakeDaemon daemon(options);
  AgreedVersion agreed;
  const auto greeted = greet_daemon(daemon.path(), 2, agreed);
  ASSERT_TRUE(greeted.has_value());
  EXPECT_EQ(greeted->link.dialect().minor, row.agreed);
  EXPECT_EQ(agreed.dialect(), &greeted->link.dialect());
  EXPECT_EQ(daemon.seen(Command::version), row.proposals);
  EXPECT_EQ(daemon.connections(), 1);
}

constexpr std::uint32_t kStopped = 0x8010001E;
constexpr std::uint32_t kNoService = 0x8010001D;
INSTANTIATE_TEST_SUITE_P(
    Daemons, HandshakeWith,
    testing::Values(Negotiation{"Cardea", {3, 4, 5, 6}, 6, false, kStopped, 6, 1},
                    Negotiation{"PcscLite25", {4, 5, 6}, 6, true, kStopped, 6, 1},
                    Negotiation{"PcscLite241", {4, 5, 6, 7}, 5, true, kStopped, 5, 1},
                    Negotiation{"PcscLite23", {5}, 5, false, kStopped, 5, 2},
                    Negotiation{"PcscLite199", {4}, 4, false, kStopped, 4, 2},
                    Negotiation{"PcscLite1824", {4}, 4, false, kNoService, 4, 2},
                    Negotiation{"PcscLite1823", {3}, 3, false, kNoService, 3, 2}),
    [](const auto& param) { return param.param.what; });

TEST(Handshake, TakesNoForAnAnswer) {
  FakeDaemon::Options options;
  options.minors = {7};
  for (const int own : {2, 6, 7}) {
    options.own_minor = own;
    FakeDaemon daemon(options);
    AgreedVersion agreed;
    const auto greeted = greet_daemon(daemon.path(), 2, agreed);
    ASSERT_FALSE(greeted.has_value());
    EXPECT_EQ(greeted.error(), ScardRv::service_stopped);
    EXPECT_EQ(daemon.seen(Command::version), 1);
    EXPECT_EQ(agreed.dialect(), nullptr);
  }
}

TEST(Handshake, PassesOnARefusalForOtherReasons) {
  FakeDaemon::Options options;
  options.minors = {};
  options.refusal = to_wire(ScardRv::security_violation);
  FakeDaemon daemon(options);
  AgreedVersion agreed;
  EXPECT_EQ(greet_daemon(daemon.path(), 2, agreed).error(), ScardRv::security_violation);
}

TEST(Handshake, GivesUpOnADaemonThatRefusesItsOwnOffer) {
  FakeDaemon::Options options;
  options.minors = {};
  options.own_minor = 4;
  FakeDaemon daemon(options);
  AgreedVersion agreed;
  EXPECT_EQ(greet_daemon(daemon.path(), 2, agreed).error(), ScardRv::service_stopped);
  EXPECT_EQ(daemon.seen(Command::version), 2);
}

TEST(Handshake, IsOneWriteOnceTheVersionIsKnown) {
  FakeDaemon daemon;
  AgreedVersion agreed;
  ASSERT_TRUE(greet_daemon(daemon.path(), 2, agreed).has_value());
  daemon.forget_reads();
  const auto greeted = greet_daemon(daemon.path(), 2, agreed);
  ASSERT_TRUE(greeted.has_value());
  EXPECT_NE(greeted->context, 0u);
  EXPECT_EQ(daemon.reads(), (Reads{{Command::version, Command::establish_context}}));
}

TEST(Handshake, SurvivesAnExchangeOfTheDaemon) {
  for (const bool hangs_up : {false, true}) {
    FakeDaemon::Options options;
    options.hangs_up_after_refusal = hangs_up;
    FakeDaemon daemon(options);
    AgreedVersion agreed;
    ASSERT_TRUE(greet_daemon(daemon.path(), 2, agreed).has_value());
    daemon.set_minors({4}, 4);
    const auto greeted = greet_daemon(daemon.path(), 2, agreed);
    ASSERT_TRUE(greeted.has_value());
    EXPECT_EQ(greeted->link.dialect().minor, 4);
    EXPECT_EQ(daemon.connections(), 3);  // the refused one was not used any further
  }
}

TEST(Handshake, NoticesANewerDaemonThatSaysSo) {
  FakeDaemon::Options options;
  options.minors = {4};
  options.own_minor = 4;
  options.names_own_minor = true;
  FakeDaemon daemon(options);
  AgreedVersion agreed;
  ASSERT_TRUE(greet_daemon(daemon.path(), 2, agreed).has_value());
  daemon.set_minors({4, 5, 6}, 6);
  const auto greeted = greet_daemon(daemon.path(), 2, agreed);
  ASSERT_TRUE(greeted.has_value());
  EXPECT_EQ(greeted->link.dialect().minor, 6);
}

TEST(Handshake, PassesOnAnInvalidScopeInBothWays) {
  FakeDaemon daemon;
  AgreedVersion agreed;
  EXPECT_EQ(greet_daemon(daemon.path(), 4, agreed).error(), ScardRv::invalid_value);
  ASSERT_TRUE(greet_daemon(daemon.path(), 2, agreed).has_value());
  EXPECT_EQ(greet_daemon(daemon.path(), 4, agreed).error(), ScardRv::invalid_value);
}

TEST(Handshake, FindsNobody) {
  AgreedVersion agreed;
  EXPECT_EQ(greet_daemon("/nowhere/socket", 2, agreed).error(), ScardRv::no_service);
}

TEST(Handshake, CallsAHangUpAtTheFirstRequestARefusalOrAnError) {
  FakeDaemon::Options options;
  options.hook = [](const test::FakeRequest&) { return FakeAnswer{{}, /*hangs_up=*/true}; };
  FakeDaemon daemon(options);
  AgreedVersion agreed;
  EXPECT_EQ(greet_daemon(daemon.path(), 2, agreed).error(), ScardRv::comm_error);
}

}  // namespace
}  // namespace cardea
