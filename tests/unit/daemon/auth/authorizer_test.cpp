// The authorizer without polkit; tests/system/authorization_test.py has the rest.
#include "daemon/auth/authorizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <vector>

#include "tests/unit/drivers/test_support.hpp"

namespace cardea::auth {
namespace {

using core::AccessKind;
using testing::HasSubstr;

constexpr uid_t kSomebody = 54'321;

std::vector<log::Record> g_records;

class AuthorizerTest : public testing::Test {
 protected:
  void SetUp() override {
    g_records.clear();
    log::set_sink([](const log::Record& record) { g_records.push_back(record); }, log::Level::info);
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  }
  void TearDown() override {
    log::set_sink(nullptr, log::Level::info);
    for (const int end : ends) ::close(end);
  }

  void write(const std::string& text) { std::ofstream(path) << text; }
  [[nodiscard]] Authorizer::Settings settings(bool given = false) const {
    return {path, given, /*polkit=*/false, {}};
  }
  std::optional<bool> ask(Authorizer& authorizer, uid_t uid, AccessKind kind = AccessKind::pcsc,
                          const std::string& reader = {}) {
    return authorizer.ask({{}, {}, kind, reader}, {::getpid(), uid, uid}, ends[0]);
  }
  static std::string field(const std::string& name) {
    for (const auto& [key, value] : g_records.back().fields) {
      if (key == name) return value;
    }
    return "(none)";
  }

  test::TemporaryDirectory directory;
  std::string path = directory.path() / "access.rules";
  std::array<int, 2> ends{-1, -1};
};

TEST_F(AuthorizerTest, WithoutRulesAndPolkitAsksAboutNobody) {
  Authorizer authorizer(settings());
  EXPECT_FALSE(authorizer.asks_about(0));
  EXPECT_FALSE(authorizer.asks_about(kSomebody));
  EXPECT_EQ(ask(authorizer, kSomebody), true);
  EXPECT_TRUE(g_records.empty());
}

TEST_F(AuthorizerTest, WithRulesAsksAboutEverybody) {
  write("deny uid=0");
  Authorizer authorizer(settings());
  EXPECT_TRUE(authorizer.asks_about(0));
  EXPECT_TRUE(authorizer.asks_about(kSomebody));
  EXPECT_EQ(ask(authorizer, 0), false);
  EXPECT_EQ(ask(authorizer, kSomebody), true);
}

TEST_F(AuthorizerTest, SaysWhoWasRefusedAndWhatWouldAllowIt) {
  write("\ndeny reader=\"Gem*\"");
  Authorizer authorizer(settings());
  EXPECT_EQ(ask(authorizer, kSomebody), true);
  EXPECT_EQ(ask(authorizer, kSomebody, AccessKind::card, "Gem 00 00\n"), false);
  EXPECT_EQ(g_records.back().event, log::Event::access_denied);
  EXPECT_THAT(g_records.back().text, HasSubstr("line 2 of " + path + " denies it"));
  EXPECT_THAT(g_records.back().text, HasSubstr("before line 2"));
  EXPECT_EQ(field("CLIENT_UID"), std::to_string(kSomebody));
  EXPECT_EQ(field("RULE"), "allow uid=54321 reader=\"Gem 00 00\\x0A\"");
  EXPECT_EQ(field("ACTION"), "org.debian.pcsc-lite.access_card");
  EXPECT_NE(field("SESSION"), "(none)");
}

TEST_F(AuthorizerTest, TheRuleItProposesAllows) {
  const core::Question question{{}, {}, AccessKind::card, "A [B] (C) 00 00"};
  const Sandbox sandbox{SandboxKind::flatpak, "org.a.B"};
  std::vector<RuleProblem> problems;
  const AccessRules rules =
      AccessRules::parse(allowing_rule(question, 1000, sandbox), NameService::system(), problems);
  ASSERT_TRUE(problems.empty());
  const Applicant who{1000, {1000}, sandbox};
  for (const AccessKind kind : {AccessKind::pcsc, AccessKind::card}) {
    const auto* rule = rules.match(who, kind, question.reader);
    ASSERT_NE(rule, nullptr);
    EXPECT_TRUE(rule->allow);
  }
  EXPECT_EQ(rules.match({1000, {1000}, Sandbox{}}, AccessKind::card, question.reader), nullptr);
}

TEST_F(AuthorizerTest, BrokenRulesLetOnlyRootIn) {
  write("allow\npermit");
  Authorizer authorizer(settings());
  EXPECT_EQ(g_records.at(0).event, log::Event::access_rules_broken);
  EXPECT_THAT(g_records.at(0).text, HasSubstr(path + ":2: a rule begins with"));
  EXPECT_TRUE(authorizer.asks_about(kSomebody));
  EXPECT_FALSE(authorizer.asks_about(0));
  EXPECT_EQ(ask(authorizer, kSomebody), false);
  EXPECT_EQ(g_records.back().event, log::Event::access_not_decided);
}

TEST_F(AuthorizerTest, RulesThatMustBeThereAndAreNotAreBroken) {
  Authorizer authorizer(settings(/*given=*/true));
  EXPECT_EQ(g_records.at(0).event, log::Event::access_rules_broken);
  EXPECT_EQ(ask(authorizer, kSomebody), false);
}

TEST_F(AuthorizerTest, ReadsItsRulesAgain) {
  Authorizer authorizer(settings());
  write("deny uid=54321");
  authorizer.reload();
  EXPECT_EQ(ask(authorizer, kSomebody), false);
  write("nonsense");
  authorizer.reload();
  EXPECT_THAT(g_records.back().text, HasSubstr("the rules read before stay in force"));
  EXPECT_EQ(ask(authorizer, kSomebody), false);
  write("");
  authorizer.reload();
  EXPECT_FALSE(authorizer.asks_about(kSomebody));
  EXPECT_EQ(ask(authorizer, kSomebody), true);
}

TEST_F(AuthorizerTest, MendedRulesEndTheEmergency) {
  write("nonsense");
  Authorizer authorizer(settings());
  EXPECT_EQ(ask(authorizer, kSomebody), false);
  write("allow uid=54321");
  authorizer.reload();
  EXPECT_EQ(ask(authorizer, kSomebody), true);
}

}  // namespace
}  // namespace cardea::auth
