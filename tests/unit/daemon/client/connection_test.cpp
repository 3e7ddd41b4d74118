#include "daemon/client/connection.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <memory>

#include "protocol/framer.hpp"

namespace cardea {
namespace {

std::vector<std::byte> bytes_of(std::size_t count, int value = 0) {
  return std::vector<std::byte>(count, static_cast<std::byte>(value));
}

class ConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()), 0);
    peer = UniqueFd(pair[1]);
    // Small, so that output soon does not fit.
    const int send_bytes = 4096;
    ASSERT_EQ(::setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes), 0);
    connection = std::make_unique<Connection>(poller, UniqueFd(pair[0]), core::ConnId{9},
                                              PeerCredentials{}, account);
    ASSERT_TRUE(connection->open());
    ASSERT_TRUE(connection->claim());
  }
  void peer_sends(const std::vector<std::byte>& bytes) {
    ASSERT_EQ(::send(peer.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }
  /// What has come to the peer so far.
  std::size_t peer_receives() {
    std::vector<std::byte> chunk(1 << 20);
    std::size_t total = 0;
    for (;;) {
      const ssize_t got = ::recv(peer.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
      if (got <= 0) return total;
      total += static_cast<std::size_t>(got);
      received.insert(received.end(), chunk.begin(), chunk.begin() + got);
    }
  }

  [[nodiscard]] std::size_t charged() const { return account->used(core::Resource::bytes); }

  std::shared_ptr<core::UserAccount> account =
      std::make_shared<core::UserAccount>(1000, core::QuotaLimits{});
  Poller poller = std::move(*Poller::create());
  UniqueFd peer;
  std::unique_ptr<Connection> connection;
  std::vector<std::byte> room = bytes_of(wire::kRequestBytesMax);
  std::span<const std::byte> input;
  std::vector<std::byte> received;
};

TEST_F(ConnectionTest, IsClaimedByOneAtATime) {
  EXPECT_FALSE(connection->claim());
  EXPECT_TRUE(connection->release(/*saw_call=*/false));
  EXPECT_TRUE(connection->claim());
}

TEST_F(ConnectionTest, ReportsInputOnceUntilItIsReleased) {
  peer_sends(bytes_of(1));
  EXPECT_TRUE(connection->release(/*saw_call=*/false));
  EXPECT_EQ(poller.wait().token, 9u);
  EXPECT_TRUE(connection->claim());
  EXPECT_TRUE(connection->release(/*saw_call=*/false));
  EXPECT_EQ(poller.wait().token, 9u) << "armed again, and the byte is still there";
}

TEST_F(ConnectionTest, KeepsTheClaimIfTheCallWasAnsweredMeanwhile) {
  connection->set_in_call(true);
  EXPECT_TRUE(connection->in_call());
  connection->set_in_call(false);  // by the thread that answered
  EXPECT_FALSE(connection->release(/*saw_call=*/true));
  EXPECT_FALSE(connection->claim()) << "still ours";
}

TEST_F(ConnectionTest, WaitsForAHangUpOnlyWhileACallIsInFlight) {
  peer_sends(bytes_of(1));
  connection->set_in_call(true);
  EXPECT_TRUE(connection->release(/*saw_call=*/true));
  peer.reset();
  const Poller::Event event = poller.wait();
  EXPECT_EQ(event.token, 9u);
  EXPECT_NE(event.events & EPOLLHUP, 0u);
  EXPECT_EQ(event.events & EPOLLIN, 0u);
}

TEST_F(ConnectionTest, ReadsWhatIsThereAndTellsTheEnd) {
  EXPECT_EQ(connection->read_some(room, input), Connection::Read::nothing);
  peer_sends(bytes_of(5, 1));
  EXPECT_EQ(connection->read_some(room, input), Connection::Read::data);
  EXPECT_EQ(input.size(), 5u);
  peer.reset();
  EXPECT_EQ(connection->read_some(room, input), Connection::Read::closed);
}

TEST_F(ConnectionTest, PutsNewInputBehindWhatItKept) {
  peer_sends(bytes_of(3, 1));
  ASSERT_EQ(connection->read_some(room, input), Connection::Read::data);
  connection->keep(input);
  EXPECT_TRUE(connection->has_kept());
  EXPECT_EQ(connection->read_some(room, input), Connection::Read::nothing);
  EXPECT_EQ(input.size(), 3u) << "nothing new, nothing lost";
  peer_sends(bytes_of(2, 2));
  ASSERT_EQ(connection->read_some(room, input), Connection::Read::data);
  const std::vector<std::byte> expected{std::byte{1}, std::byte{1}, std::byte{1}, std::byte{2},
                                        std::byte{2}};
  EXPECT_EQ(std::vector(input.begin(), input.end()), expected);
  connection->keep(input.subspan(3));
  EXPECT_EQ(connection->kept().size(), 2u) << "the rest may lie inside what is kept";
  EXPECT_EQ(connection->kept()[0], std::byte{2});
  connection->keep({});
  EXPECT_FALSE(connection->has_kept());
}

TEST_F(ConnectionTest, NeverKeepsMoreThanTheLargestRequest) {
  connection->keep(bytes_of(wire::kRequestBytesMax - 1));
  peer_sends(bytes_of(100));
  ASSERT_EQ(connection->read_some(room, input), Connection::Read::data);
  EXPECT_EQ(input.size(), wire::kRequestBytesMax) << "the rest stays in the kernel";
}

TEST_F(ConnectionTest, SendsReplyAndPayloadInOrder) {
  connection->queue(bytes_of(2, 1));
  connection->send(bytes_of(3, 2), bytes_of(4, 3));
  EXPECT_EQ(peer_receives(), 9u);
  EXPECT_EQ(received[0], std::byte{1});
  EXPECT_EQ(received[2], std::byte{2});
  EXPECT_EQ(received[5], std::byte{3});
  EXPECT_FALSE(connection->output_blocked());
}

TEST_F(ConnectionTest, QueuesWhatDoesNotFitAndLosesNothing) {
  std::size_t sent = 0;
  int value = 0;
  while (!connection->output_blocked()) {
    connection->send(bytes_of(32, value), bytes_of(65'548, value));
    sent += 32 + 65'548;
    ++value;
  }
  connection->queue(bytes_of(8, value));
  sent += 8;
  std::size_t got = peer_receives();
  EXPECT_LT(got, sent);
  while (connection->output_blocked()) {
    connection->flush();
    got += peer_receives();
  }
  EXPECT_EQ(got, sent);
  EXPECT_TRUE(std::is_sorted(received.begin(), received.end())) << "in the order it was queued";
}

TEST_F(ConnectionTest, WaitsForRoomWhileOutputIsBlocked) {
  peer_sends(bytes_of(1));
  while (!connection->output_blocked()) connection->send(bytes_of(65'548), {});
  EXPECT_TRUE(connection->release(/*saw_call=*/false));
  while (peer_receives() != 0) {
  }
  EXPECT_NE(poller.wait().events & EPOLLOUT, 0u);
}

TEST_F(ConnectionTest, OutputThatBlocksAnIdleConnectionWakesItForRoom) {
  EXPECT_TRUE(connection->release(/*saw_call=*/false));
  while (!connection->output_blocked()) connection->send(bytes_of(65'548), {});
  while (peer_receives() != 0) {
  }
  EXPECT_NE(poller.wait().events & EPOLLOUT, 0u);
}

TEST_F(ConnectionTest, AHangUpSendsWhatWaitsAndEndsInputAndOutput) {
  connection->queue(bytes_of(8));
  connection->hang_up();
  EXPECT_TRUE(connection->is_cut());
  EXPECT_FALSE(connection->lost_output());
  connection->send(bytes_of(8), {});
  connection->queue(bytes_of(8));
  connection->flush();
  EXPECT_FALSE(connection->output_blocked());
  EXPECT_EQ(peer_receives(), 8u);
  EXPECT_TRUE(connection->lost_output());
  EXPECT_TRUE(connection->release(/*saw_call=*/false));
  EXPECT_NE(poller.wait().events & EPOLLHUP, 0u) << "so that somebody closes it";
}

TEST_F(ConnectionTest, APeerThatIsGoneCutsIt) {
  peer.reset();
  connection->send(bytes_of(8), {});
  EXPECT_TRUE(connection->is_cut());
}

TEST_F(ConnectionTest, ChargesTheUserForWhatItKeeps) {
  EXPECT_TRUE(connection->keep(bytes_of(100)));
  EXPECT_EQ(charged(), 100u);
  connection->send(bytes_of(200'000), {});
  const std::size_t waiting = connection->queued_bytes();
  ASSERT_GT(waiting, 0u) << "the peer does not read";
  EXPECT_EQ(charged(), 100u + waiting);
  EXPECT_TRUE(connection->keep({}));
  while (connection->output_blocked()) {
    ASSERT_GT(peer_receives(), 0u);
    connection->flush();
  }
  EXPECT_EQ(charged(), 0u);
}

TEST_F(ConnectionTest, GivesAllBackWhenItIsCutOrGone) {
  EXPECT_TRUE(connection->keep(bytes_of(100)));
  connection->send(bytes_of(200'000), {});
  connection->hang_up();
  EXPECT_EQ(charged(), 100u) << "what it has asked for is not handled yet";
  EXPECT_FALSE(connection->exceeded_memory());
  connection.reset();
  EXPECT_EQ(charged(), 0u);
}

TEST_F(ConnectionTest, IsCutIfItsUserHasNoMemoryLeftForItsInput) {
  account->take_anyway(core::Resource::bytes, core::QuotaLimits{}.bytes - 10);
  EXPECT_TRUE(connection->keep(bytes_of(10)));
  EXPECT_FALSE(connection->keep(bytes_of(11)));
  EXPECT_TRUE(connection->is_cut());
  EXPECT_TRUE(connection->exceeded_memory());
  EXPECT_FALSE(connection->has_kept());
  EXPECT_EQ(charged(), core::QuotaLimits{}.bytes - 10);
}

TEST_F(ConnectionTest, IsCutIfItsUserHasNoMemoryLeftForItsOutput) {
  account->take_anyway(core::Resource::bytes, core::QuotaLimits{}.bytes);
  connection->send(bytes_of(100), {});
  EXPECT_FALSE(connection->is_cut()) << "what the peer takes at once costs nothing";
  connection->send(bytes_of(200'000), {});
  EXPECT_TRUE(connection->is_cut());
  EXPECT_TRUE(connection->exceeded_memory());
  EXPECT_TRUE(connection->lost_output());
  EXPECT_EQ(connection->queued_bytes(), 0u);
  EXPECT_EQ(charged(), core::QuotaLimits{}.bytes);
}

}  // namespace
}  // namespace cardea
