#include "daemon/control/control_connection.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

namespace cardea {
namespace {

class ControlConnectionTest : public testing::Test {
 protected:
  ControlConnectionTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    peer.reset(ends[0]);
    connection.emplace(UniqueFd(ends[1]), PeerCredentials{}, ControlViewer{}, TimePoint{});
  }
  void send(std::string_view text) {
    ASSERT_EQ(::send(peer.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    ASSERT_TRUE(connection->receive(TimePoint{}));
  }
  /// All that has arrived at the peer.
  std::string read_all() {
    std::string all;
    std::array<char, 65'536> buffer{};
    for (;;) {
      const ssize_t got = ::recv(peer.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got <= 0) return all;
      all.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }

  UniqueFd peer;
  std::optional<ControlConnection> connection;
};

TEST_F(ControlConnectionTest, GivesOneLineAtATime) {
  send("one\ntw");
  EXPECT_EQ(connection->next_line(), "one");
  EXPECT_EQ(connection->next_line(), std::nullopt);
  send("o\n");
  connection->answer("answer\n");
  EXPECT_EQ(connection->next_line(), std::nullopt) << "the last answer is not out";
  EXPECT_TRUE(connection->flush());
  EXPECT_EQ(connection->next_line(), "two");
  EXPECT_EQ(read_all(), "answer\n");
}

TEST_F(ControlConnectionTest, NoticesALineWithoutEnd) {
  send(std::string(kControlRequestBytesMax, 'x'));
  EXPECT_FALSE(connection->has_too_long_line());
  send("x");
  EXPECT_TRUE(connection->has_too_long_line());
}

TEST_F(ControlConnectionTest, NoticesThatThePeerHasGone) {
  peer.reset();
  EXPECT_FALSE(connection->receive(TimePoint{}));
  connection->answer("answer\n");
  EXPECT_FALSE(connection->flush());
}

TEST_F(ControlConnectionTest, LosesEventsOfASlowReaderAndSaysHowMany) {
  const std::string line = std::string(1023, 'e') + "\n";
  const std::size_t sent = 10 * ControlConnection::kStreamBytesMax / line.size();
  for (std::size_t i = 0; i < sent; ++i) {
    connection->event(line);
    ASSERT_TRUE(connection->flush()) << "never waits, never ends";
  }
  std::string got;
  while (connection->has_output()) {
    got += read_all();
    ASSERT_TRUE(connection->flush());
  }
  got += read_all();
  const std::size_t at = got.find("{\"event\":\"lost\",\"count\":");
  ASSERT_NE(at, std::string::npos);
  const std::size_t lost = std::stoul(got.substr(at + 24));
  EXPECT_EQ(lost + at / line.size(), sent);
}

}  // namespace
}  // namespace cardea
