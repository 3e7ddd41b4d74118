#include "libpcsclite/state_fetch.hpp"

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

Bytes request(Command command) {
  return to_bytes(wire::Header{0, static_cast<std::uint32_t>(command)});
}

Bytes array(std::size_t slots, const char* first = "Reader") {
  Bytes result = to_bytes(test::slot(first, wire::kStateAbsent));
  for (std::size_t i = 1; i < slots; ++i) result = std::move(result) + to_bytes(wire::empty_slot());
  return result;
}

const Bytes kSize = to_bytes(wire::StateSize{16});
const Bytes kEvent = to_bytes(wire::Completion{0, 0});

class StateFetchTest : public testing::Test {
 protected:
  void speak(std::int32_t minor) { peer_.link().set_dialect(*wire::find_dialect(4, minor)); }
  ScardRv fetch(bool registers, bool events = false) {
    FetchRequest request;
    request.registers = registers;
    request.reader_events = events;
    return fetch_states(peer_.link(), request, answer_);
  }

  ScriptedPeer peer_;
  FetchAnswer answer_;
};

TEST_F(StateFetchTest, IsOneWriteAndOneReadWithFourSix) {
  peer_.say(kSize + array(16) + to_bytes(wire::Status{7, to_wire(ScardRv::reset_card)}));
  FetchRequest request;
  request.card = 7;
  const auto before = test::socket_calls();
  EXPECT_EQ(fetch_states(peer_.link(), request, answer_), ScardRv::success);
  EXPECT_EQ(test::socket_calls().sends - before.sends, 1);
  EXPECT_EQ(test::socket_calls().receives - before.receives, 1);
  EXPECT_EQ(answer_.card_status, ScardRv::reset_card);
  EXPECT_NE(answer_.readers.find("Reader"), nullptr);
}

TEST_F(StateFetchTest, AsksEachDialectInItsWords) {
  const Bytes wait3 = to_bytes(wire::Header{8, 0x13}) + to_bytes(wire::WaitBody{0, 0});
  speak(3);
  peer_.say(array(16));
  EXPECT_EQ(fetch(/*registers=*/true, /*events=*/true), ScardRv::success);
  EXPECT_EQ(peer_.heard(), request(Command::get_readers_state) + wait3);
  speak(4);
  peer_.say(array(16));
  EXPECT_EQ(fetch(true, true), ScardRv::success);
  EXPECT_EQ(peer_.heard(), request(Command::wait_reader_state_change));
  peer_.say(array(16));
  EXPECT_EQ(fetch(false, true), ScardRv::success);
  EXPECT_EQ(peer_.heard(), request(Command::get_readers_state));
  speak(5);
  peer_.say(array(16) + to_bytes(wire::ReaderEvents{9, 0}));
  EXPECT_EQ(fetch(true, true), ScardRv::success);
  EXPECT_EQ(peer_.heard(),
            request(Command::wait_reader_state_change) + request(Command::get_reader_events));
  EXPECT_EQ(answer_.reader_events, 9u);
  speak(6);
  peer_.say(kSize + array(16));
  EXPECT_EQ(fetch(true), ScardRv::success);
  EXPECT_EQ(peer_.heard(), request(Command::wait_reader_state_change) +
                               request(Command::get_readers_state_size) +
                               request(Command::get_readers_state_array));
}

TEST_F(StateFetchTest, ReadsManyReadersByteByByte) {
  std::thread dribbler = peer_.dribble(to_bytes(wire::StateSize{40}) + array(40));
  EXPECT_EQ(fetch(false), ScardRv::success);
  dribbler.join();
  EXPECT_EQ(answer_.readers.names().size(), 1u);
}

TEST_F(StateFetchTest, RemembersHowMuchThereIsToRead) {
  for (int round = 0; round < 2; ++round) {
    peer_.say(to_bytes(wire::StateSize{200}) + array(200));
    const auto before = test::socket_calls();
    EXPECT_EQ(fetch(false), ScardRv::success);
    EXPECT_EQ(test::socket_calls().receives - before.receives, round == 0 ? 2 : 1);
  }
}

TEST_F(StateFetchTest, AcceptsTheLargestTable) {
  std::thread sender([this] {
    Bytes rest = to_bytes(wire::StateSize{kReaderSlotsMax}) +
                 Bytes(kReaderSlotsMax * sizeof(wire::ReaderState));
    peer_.say(rest);
  });
  EXPECT_EQ(fetch(false), ScardRv::success);
  sender.join();
}

TEST_F(StateFetchTest, RefusesNonsense) {
  for (const std::int32_t count : {-1, kReaderSlotsMax + 1, 0x7FFFFFFF}) {
    ScriptedPeer peer;
    peer.say(to_bytes(wire::StateSize{count}));
    EXPECT_EQ(fetch_states(peer.link(), {}, answer_), ScardRv::comm_error);
    EXPECT_FALSE(peer.link().is_open());
  }
  wire::ReaderState slot = test::slot("Reader", wire::kStatePresent);
  slot.atr_bytes = 200;
  peer_.say(to_bytes(wire::StateSize{1}) + to_bytes(slot));
  EXPECT_EQ(fetch(false), ScardRv::comm_error);
  EXPECT_FALSE(peer_.link().is_open());
}

TEST_F(StateFetchTest, AcceptsACompletionBeforeTheSize) {
  peer_.say(kEvent + kSize + array(16));
  EXPECT_EQ(fetch(true), ScardRv::success);
  EXPECT_FALSE(answer_.registered);
  EXPECT_NE(answer_.readers.find("Reader"), nullptr);
}

TEST_F(StateFetchTest, AcceptsACompletionBeforeTheArray) {
  peer_.say(kSize + kEvent + array(16));
  EXPECT_EQ(fetch(true), ScardRv::success);
  EXPECT_FALSE(answer_.registered);
  EXPECT_NE(answer_.readers.find("Reader"), nullptr);
  EXPECT_TRUE(peer_.link().buffered().empty());
}

TEST_F(StateFetchTest, AcceptsACompletionBeforeTheEventNumber) {
  peer_.say(kSize + array(16) + kEvent + to_bytes(wire::ReaderEvents{3, 0}));
  EXPECT_EQ(fetch(true, true), ScardRv::success);
  EXPECT_FALSE(answer_.registered);
  EXPECT_EQ(answer_.reader_events, 3u);
}

TEST_F(StateFetchTest, KeepsACompletionBehindTheArray) {
  peer_.say(kSize + array(16) + to_bytes(wire::Completion{3, 0}));
  EXPECT_EQ(fetch(true), ScardRv::success);
  EXPECT_TRUE(answer_.registered);
  EXPECT_EQ(peer_.link().buffered().size(), sizeof(wire::Completion));
}

/// The answers come after the deadline; the request after that must find its own.
class LateAnswer : public StateFetchTest, public testing::WithParamInterface<std::size_t> {};

TEST_P(LateAnswer, IsSkipped) {
  const Bytes late = kSize + array(16) + to_bytes(wire::ReaderEvents{3, 0}) + kEvent;
  const auto in_time = static_cast<std::ptrdiff_t>(GetParam());
  if (in_time > 0) peer_.say(Bytes(late.begin(), late.begin() + in_time));
  FetchRequest request;
  request.registers = true;
  request.reader_events = true;
  request.deadline = Clock::now();
  EXPECT_EQ(fetch_states(peer_.link(), request, answer_), ScardRv::timeout);
  EXPECT_FALSE(answer_.registered);
  const Bytes heard = peer_.heard();
  EXPECT_EQ(Bytes(heard.end() - 8, heard.end()), test::to_bytes(wire::Header{0, 0x14}));  // STOP
  peer_.say(Bytes(late.begin() + in_time, late.end()) + kSize + array(16, "Other"));
  EXPECT_EQ(fetch(false), ScardRv::success);
  EXPECT_NE(answer_.readers.find("Other"), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Cut, LateAnswer, testing::Values(0, 2, 4, 100, 4 + 16 * 184, 2950));

}  // namespace
}  // namespace cardea
