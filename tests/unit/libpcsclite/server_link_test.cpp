#include "libpcsclite/server_link.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "client_test.hpp"
#include "scripted_peer.hpp"

namespace cardea {
namespace {

using test::Bytes;
using test::ScriptedPeer;
using test::to_bytes;
using test::operator+;
using wire::Command;

constexpr Bytes::size_type kPayload = 20;

Bytes counting(std::size_t bytes) {
  Bytes result(bytes);
  for (std::size_t i = 0; i < bytes; ++i) result[i] = static_cast<std::byte>(i);
  return result;
}

wire::Transmit transmit_answer(std::uint32_t bytes, ScardRv rv = ScardRv::success) {
  wire::Transmit answer{};
  answer.card = 1;
  answer.recv_bytes = bytes;
  answer.rv = to_wire(rv);
  return answer;
}

class ServerLinkTransmit : public testing::Test {
 protected:
  ScardRv transmit(std::size_t room_bytes) {
    room_.resize(room_bytes);
    message_.card = 1;
    message_.recv_bytes = static_cast<std::uint32_t>(room_bytes);
    return peer_.link().exchange(Command::transmit, message_, {}, room_,
                                 &wire::Transmit::recv_bytes);
  }

  ScriptedPeer peer_;
  wire::Transmit message_{};
  Bytes room_;
};

TEST_F(ServerLinkTransmit, TakesOneWriteAndOneRead) {
  peer_.say(to_bytes(transmit_answer(kPayload)) + counting(kPayload));
  const auto before = test::socket_calls();
  EXPECT_EQ(transmit(258), ScardRv::success);
  EXPECT_EQ(test::socket_calls().sends - before.sends, 1);
  EXPECT_EQ(test::socket_calls().receives - before.receives, 1);
  EXPECT_EQ(message_.recv_bytes, kPayload);
  EXPECT_EQ(Bytes(room_.begin(), room_.begin() + kPayload), counting(kPayload));
}

TEST_F(ServerLinkTransmit, UnderstandsAnAnswerByteByByte) {
  std::thread dribbler = peer_.dribble(to_bytes(transmit_answer(kPayload)) + counting(kPayload));
  EXPECT_EQ(transmit(kPayload), ScardRv::success);
  dribbler.join();
  EXPECT_EQ(room_, counting(kPayload));
}

TEST_F(ServerLinkTransmit, PassesTheDaemonsRefusal) {
  peer_.say(to_bytes(transmit_answer(0, ScardRv::reset_card)));
  EXPECT_EQ(transmit(258), ScardRv::reset_card);
  EXPECT_TRUE(peer_.link().is_open());
}

TEST_F(ServerLinkTransmit, TellsTheLengthThatWasNeeded) {
  peer_.say(to_bytes(transmit_answer(18, ScardRv::insufficient_buffer)));
  EXPECT_EQ(transmit(4), ScardRv::insufficient_buffer);
  EXPECT_EQ(message_.recv_bytes, 18u);
}

TEST_F(ServerLinkTransmit, ClosesOnMorePayloadThanRoom) {
  peer_.say(to_bytes(transmit_answer(kPayload)) + counting(kPayload));
  EXPECT_EQ(transmit(kPayload - 1), ScardRv::comm_error);
  EXPECT_FALSE(peer_.link().is_open());
}

TEST_F(ServerLinkTransmit, ClosesOnAnAbsurdLength) {
  peer_.say(to_bytes(transmit_answer(0xFFFFFFFF)));
  EXPECT_EQ(transmit(wire::kPayloadBytesMax), ScardRv::comm_error);
  EXPECT_FALSE(peer_.link().is_open());
}

TEST_F(ServerLinkTransmit, ClosesOnPayloadBehindARefusal) {
  peer_.say(to_bytes(transmit_answer(4, ScardRv::reset_card)) + counting(4));
  EXPECT_EQ(transmit(258), ScardRv::comm_error);
  EXPECT_FALSE(peer_.link().is_open());
}

TEST_F(ServerLinkTransmit, NoticesADaemonThatDiesInTheMiddle) {
  peer_.say(to_bytes(transmit_answer(kPayload)) + counting(3));
  std::thread killer([this] {
    while (peer_.heard().empty()) std::this_thread::yield();
    peer_.close();
  });
  EXPECT_EQ(transmit(258), ScardRv::comm_error);
  killer.join();
  EXPECT_EQ(transmit(258), ScardRv::no_service);
}

TEST(ServerLink, CallsAnImmediateHangUpARefusal) {
  ScriptedPeer peer;
  peer.close();
  wire::Version message{4, 6, 0};
  EXPECT_EQ(peer.link().exchange(Command::version, message), ScardRv::security_violation);
}

TEST(ServerLink, CallsAResetARefusal) {
  ScriptedPeer peer;
  std::thread refuser([&peer] {
    // Closes with the request unread, which resets the connection.
    peer.await_request();
    peer.close();
  });
  wire::Version message{4, 6, 0};
  EXPECT_EQ(peer.link().exchange(Command::version, message), ScardRv::security_violation);
  refuser.join();
}

TEST(ServerLink, ReportsALaterHangUpAsNoService) {
  ScriptedPeer peer;
  peer.say(to_bytes(wire::Begin{1, 0}));
  wire::Begin message{1, 0};
  EXPECT_EQ(peer.link().exchange(Command::begin_transaction, message), ScardRv::success);
  EXPECT_FALSE(peer.heard().empty());
  peer.close();
  EXPECT_EQ(peer.link().exchange(Command::begin_transaction, message), ScardRv::no_service);
  EXPECT_FALSE(peer.link().is_open());
}

TEST(ServerLink, WaitsForTheDeadlineAndNoLonger) {
  ScriptedPeer peer;
  const TimePoint end = Clock::now() + milliseconds(20);
  EXPECT_EQ(peer.link().need(8, end), ScardRv::timeout);
  EXPECT_GE(Clock::now(), end);
  EXPECT_TRUE(peer.link().is_open());
}

TEST(ServerLink, SkipsALateAnswer) {
  ScriptedPeer peer;
  peer.link().owe(/*sized_array=*/false, 8);
  peer.say(to_bytes(wire::Completion{}) + to_bytes(wire::Begin{7, 0}));
  wire::Begin message{1, 1};
  EXPECT_EQ(peer.link().exchange(Command::begin_transaction, message), ScardRv::success);
  EXPECT_EQ(message.card, 7);
}

TEST(ServerLink, SkipsALateArrayOfAnySize) {
  ScriptedPeer peer;
  peer.link().owe(/*sized_array=*/true, 8);
  const Bytes states(3 * sizeof(wire::ReaderState), std::byte{0xEE});
  std::thread dribbler = peer.dribble(to_bytes(wire::StateSize{3}) + states +
                                      to_bytes(wire::Completion{}) + to_bytes(wire::Begin{7, 0}));
  wire::Begin message{1, 1};
  EXPECT_EQ(peer.link().exchange(Command::begin_transaction, message), ScardRv::success);
  dribbler.join();
  EXPECT_EQ(message.card, 7);
}

TEST(ServerLink, SettlesOnlyWhatIsThere) {
  ScriptedPeer peer;
  peer.link().owe(/*sized_array=*/false, 8);
  peer.say(Bytes(5));
  EXPECT_EQ(peer.link().settle(Clock::now() + milliseconds(5)), ScardRv::timeout);
  peer.say(Bytes(3));
  EXPECT_EQ(peer.link().settle(Clock::now() + milliseconds(5)), ScardRv::success);
}

TEST(ServerLink, RefusesToGoOnOutOfStep) {
  ScriptedPeer peer;
  peer.say(Bytes(12));
  ASSERT_EQ(peer.link().need(4, std::nullopt), ScardRv::success);
  peer.link().consume(4);
  wire::Begin message{1, 0};
  EXPECT_EQ(peer.link().exchange(Command::begin_transaction, message), ScardRv::comm_error);
  EXPECT_FALSE(peer.link().is_open());
}

}  // namespace
}  // namespace cardea
