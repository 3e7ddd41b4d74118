// ESTABLISH and CONNECT of users that somebody else decides about.
#include <gtest/gtest.h>

#include "tests/unit/daemon/core/core_bench.hpp"

namespace cardea::core {
namespace {

constexpr std::uint32_t kAskedUid = 1001;
constexpr auto kMode = wire::ShareMode::shared;

class CoreAccess : public testing::Test {
 protected:
  CoreAccess() {
    bench.core().set_access_check(
        [this](const ClientInfo& client) { return asks && client.uid == kAskedUid; });
  }

  /// One who is asked about and has sent ESTABLISH.
  TestClient& newcomer() { return bench.add_client_of({next_pid++, kAskedUid}); }
  TestClient& admitted() {
    TestClient& client = newcomer();
    decide(true);
    EXPECT_EQ(client.answer(), ScardRv::success);
    client.context = client.reply<wire::Establish>().context;
    return client;
  }
  /// Answers the last question.
  void decide(bool allowed) { decide(bench.questions.back(), allowed); }
  void decide(const Question& question, bool allowed) {
    bench.step([&](Core& core, Effects& fx) {
      core.decide(question.conn, question.call, allowed, bench.now(), fx);
    });
  }

  bool asks = true;
  std::int64_t next_pid = 500;
  CoreBench bench;
  TestReader& reader = bench.add_reader("R 00 00");
};

TEST_F(CoreAccess, NobodyIsAskedAboutOthers) {
  TestClient& other = bench.add_client();
  EXPECT_EQ(other.answer(), ScardRv::success);
  EXPECT_EQ(other.connect("R 00 00"), ScardRv::success);
  EXPECT_TRUE(bench.questions.empty());
}

TEST_F(CoreAccess, EstablishWaitsForAWord) {
  TestClient& client = newcomer();
  EXPECT_TRUE(client.is_waiting_for_answer());
  ASSERT_EQ(bench.questions.size(), 1u);
  EXPECT_EQ(bench.questions[0].kind, AccessKind::pcsc);
  EXPECT_EQ(bench.core().counts().contexts, 0u);
  decide(true);
  EXPECT_EQ(client.answer(), ScardRv::success);
  EXPECT_NE(client.reply<wire::Establish>().context, 0u);
}

TEST_F(CoreAccess, ARefusalIsAnAnswer) {
  TestClient& client = newcomer();
  decide(false);
  EXPECT_EQ(client.answer(), ScardRv::security_violation);
  EXPECT_EQ(client.reply<wire::Establish>().context, 0u);
  EXPECT_FALSE(client.drop_reason.has_value());
  EXPECT_EQ(client.establish(), kParked);  // and it may ask again
  decide(true);
  EXPECT_EQ(client.answer(), ScardRv::success);
}

TEST_F(CoreAccess, ABadScopeIsNoQuestion) {
  TestClient& client = newcomer();
  decide(false);
  EXPECT_EQ(client.establish(5), ScardRv::invalid_value);
  EXPECT_EQ(bench.questions.size(), 1u);
}

TEST_F(CoreAccess, OthersAreServedWhileAQuestionIsOpen) {
  TestClient& asking = newcomer();
  TestClient& other = bench.add_client();
  const CardHandle card = other.open("R 00 00");
  EXPECT_EQ(other.transmit(card), ScardRv::success);
  EXPECT_TRUE(asking.is_waiting_for_answer());
}

TEST_F(CoreAccess, ASecondContextIsNoSecondQuestion) {
  TestClient& client = admitted();
  EXPECT_EQ(client.release(), ScardRv::success);
  EXPECT_EQ(client.establish(), ScardRv::success);
  EXPECT_EQ(bench.questions.size(), 1u);
}

TEST_F(CoreAccess, EachConnectIsAQuestion) {
  TestClient& client = admitted();
  for (std::size_t time = 1; time <= 2; ++time) {
    EXPECT_EQ(client.connect("R 00 00"), kParked);
    EXPECT_EQ(bench.questions.size(), 1 + time);
    EXPECT_EQ(bench.questions.back().kind, AccessKind::card);
    EXPECT_EQ(bench.questions.back().reader, "R 00 00");
    decide(true);
    EXPECT_EQ(client.answer(), ScardRv::success);
    EXPECT_EQ(client.transmit(client.card()), ScardRv::success);
  }
}

TEST_F(CoreAccess, ARefusedConnectLeavesNoHandle) {
  TestClient& client = admitted();
  EXPECT_EQ(client.connect("R 00 00"), kParked);
  decide(false);
  EXPECT_EQ(client.answer(), ScardRv::security_violation);
  EXPECT_EQ(client.reply<wire::Connect>().card, 0);
  EXPECT_EQ(bench.core().counts().handles, 0u);
}

TEST_F(CoreAccess, WhoIsRefusedDoesNotLearnWhatReadersThereAre) {
  TestClient& client = admitted();
  EXPECT_EQ(client.connect("No such reader"), kParked);
  decide(false);
  EXPECT_EQ(client.answer(), ScardRv::security_violation);
  EXPECT_EQ(client.connect("No such reader"), kParked);
  decide(true);
  EXPECT_EQ(client.answer(), ScardRv::unknown_reader);
}

TEST_F(CoreAccess, AnAllowedConnectWaitsItsTurnWithoutAFurtherQuestion) {
  TestClient& owner = bench.add_client();
  const CardHandle card = owner.open("R 00 00");
  EXPECT_EQ(owner.begin(card), ScardRv::success);
  TestClient& client = admitted();
  EXPECT_EQ(client.connect("R 00 00"), kParked);
  decide(true);
  EXPECT_TRUE(client.is_waiting_for_answer());  // now for the transaction
  EXPECT_EQ(owner.end(card), ScardRv::success);
  EXPECT_EQ(client.answer(), ScardRv::success);
  EXPECT_EQ(bench.questions.size(), 2u);
}

TEST_F(CoreAccess, ReadersThatGoMeanwhileAreNotThereAfterwards) {
  TestClient& client = admitted();
  EXPECT_EQ(client.connect("R 00 00"), kParked);
  bench.unplug(reader);
  EXPECT_TRUE(client.is_waiting_for_answer());
  decide(true);
  EXPECT_EQ(client.answer(), ScardRv::unknown_reader);
}

TEST_F(CoreAccess, DeathWithdrawsTheQuestion) {
  TestClient& client = newcomer();
  const Question open = bench.questions.back();
  client.die();
  ASSERT_EQ(bench.withdrawn.size(), 1u);
  EXPECT_EQ(bench.withdrawn[0], open.call);
  decide(open, true);  // it was on its way
  EXPECT_EQ(bench.core().counts(), (Core::Counts{.readers = 1}));
}

TEST_F(CoreAccess, AnOldAnswerDoesNotCountForANewQuestion) {
  TestClient& client = admitted();
  const Question old = bench.questions.back();
  EXPECT_EQ(client.connect("R 00 00"), kParked);
  decide(old, true);
  EXPECT_TRUE(client.is_waiting_for_answer());
  decide(false);
  EXPECT_EQ(client.answer(), ScardRv::security_violation);
}

TEST_F(CoreAccess, ReadersAreASecretBeforeTheFirstContext) {
  TestClient& client = newcomer();
  decide(false);
  client.fetch_states();
  EXPECT_TRUE(client.drop_reason.has_value());
  EXPECT_TRUE(client.is_waiting_for_answer());
}

TEST_F(CoreAccess, WhoWasServedBeforeAnybodyAskedStaysServed) {
  asks = false;
  TestClient& client = newcomer();
  EXPECT_EQ(client.answer(), ScardRv::success);
  asks = true;
  client.fetch_states();
  EXPECT_FALSE(client.drop_reason.has_value());
  EXPECT_EQ(client.connect("R 00 00", kMode), kParked);
}

}  // namespace
}  // namespace cardea::core
