// Contexts, handles and waits across the death of the daemon.
#include "libpcsclite/reattach.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <future>
#include <string>

#include "base/scope_exit.hpp"
#include "client_test.hpp"
#include "libpcsclite/session.hpp"

namespace cardea {
namespace {

using test::entry;
using test::FakeAnswer;
using test::FakeDaemon;
using test::FakeRequest;
using test::kReader;
using wire::Command;

class Reattach : public testing::Test {
 protected:
  Reattach() {
    FakeDaemon::Options options = test::one_reader();
    options.hook = [this](const FakeRequest& request) { return look_at(request); };
    daemon_.emplace(options);
    test::use_daemon(*daemon_);
    context_ = test::establish_context();
  }
  ~Reattach() override {
    library().set_environment_for_test({"/nowhere/socket", false, true});
    if (SCardIsValidContext(context_) == SCARD_S_SUCCESS) SCardReleaseContext(context_);
  }

  std::optional<FakeAnswer> look_at(const FakeRequest& request) {
    if (request.command == Command::begin_transaction) {
      wire::Begin message{};
      std::memcpy(&message, request.body.data(), sizeof message);
      last_begun_ = message.card;
    }
    if (request.command == deadly_) return FakeAnswer{{}, /*hangs_up=*/true};
    return std::nullopt;
  }

  /// Nobody listens any more.
  void stop_daemon() { daemon_.reset(); }
  void start_daemon(FakeDaemon::Options options = test::one_reader()) {
    daemon_.emplace(std::move(options));
    test::use_daemon(*daemon_);
  }

  LONG list() const { return test::list_readers(context_); }
  static LONG status(SCARDHANDLE card) {
    return SCardStatus(card, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  }
  static LONG reconnect(SCARDHANDLE card, DWORD initialization = SCARD_LEAVE_CARD) {
    DWORD protocol = 0;
    return SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, initialization, &protocol);
  }
  struct Outcome {
    LONG rv;
    SCARD_READERSTATE state;
  };
  std::future<Outcome> wait_for(DWORD timeout_ms, SCARD_READERSTATE state) const {
    return std::async(std::launch::async, [=, context = context_]() mutable {
      const LONG rv = SCardGetStatusChange(context, timeout_ms, &state, 1);
      return Outcome{rv, state};
    });
  }

  std::atomic<Command> deadly_{Command{}};
  std::atomic<std::int32_t> last_begun_{0};
  std::optional<FakeDaemon> daemon_;
  SCARDCONTEXT context_ = 0;
};

TEST_F(Reattach, ContextsGoOnWithTheirNextCall) {
  daemon_->hang_up();
  EXPECT_EQ(list(), SCARD_S_SUCCESS);
  EXPECT_EQ(daemon_->seen(Command::establish_context), 2);
  daemon_->hang_up();
  EXPECT_EQ(test::transmit(test::connect_card(context_)), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardIsValidContext(context_), SCARD_S_SUCCESS);
}

TEST_F(Reattach, ARequestThatIsUnderWayIsMadeAgain) {
  std::atomic<int> deaths{0};
  FakeDaemon::Options options = test::one_reader();
  options.hook = [&deaths](const FakeRequest& request) -> std::optional<FakeAnswer> {
    if (request.command != Command::connect || deaths++ > 0) return std::nullopt;
    return FakeAnswer{{}, /*hangs_up=*/true};
  };
  start_daemon(options);
  EXPECT_NE(test::connect_card(context_), 0);
  EXPECT_EQ(deaths, 2);
}

TEST_F(Reattach, ADaemonThatHangsUpEveryTimeIsReported) {
  deadly_ = Command::get_readers_state_size;
  const int before = daemon_->seen(Command::establish_context);
  EXPECT_EQ(list(), SCARD_F_COMM_ERROR);
  EXPECT_EQ(daemon_->seen(Command::establish_context) - before, kContextTriesMax - 1);
  SCARD_READERSTATE state = entry(kReader, SCARD_STATE_PRESENT);
  EXPECT_EQ(SCardGetStatusChange(context_, INFINITE, &state, 1), SCARD_F_COMM_ERROR);
}

TEST_F(Reattach, HandlesReportAResetUntilTheyAreReconnected) {
  const SCARDHANDLE card = test::connect_card(context_);
  daemon_->hang_up();
  EXPECT_EQ(status(card), SCARD_W_RESET_CARD);
  EXPECT_EQ(SCardBeginTransaction(card), SCARD_W_RESET_CARD);
  EXPECT_EQ(SCardEndTransaction(card, SCARD_LEAVE_CARD), SCARD_W_RESET_CARD);
  EXPECT_EQ(test::transmit(card), SCARD_W_RESET_CARD);
  EXPECT_EQ(daemon_->seen(Command::transmit), 0);
  EXPECT_EQ(reconnect(card), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardBeginTransaction(card), SCARD_S_SUCCESS);
  EXPECT_EQ(test::transmit(card), SCARD_S_SUCCESS);
  EXPECT_NE(last_begun_, static_cast<std::int32_t>(card));
}

TEST_F(Reattach, AReconnectCarriesOutItsReset) {
  const SCARDHANDLE card = test::connect_card(context_);
  daemon_->hang_up();
  EXPECT_EQ(reconnect(card, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
  EXPECT_EQ(daemon_->seen(Command::reconnect), 0);
  daemon_->hang_up();
  EXPECT_EQ(reconnect(card, SCARD_RESET_CARD), SCARD_S_SUCCESS);
  EXPECT_EQ(daemon_->seen(Command::reconnect), 1);
}

TEST_F(Reattach, AReconnectMayMeetTheDeathOfTheNextDaemonToo) {
  const SCARDHANDLE card = test::connect_card(context_);
  daemon_->hang_up();
  EXPECT_EQ(status(card), SCARD_W_RESET_CARD);
  std::atomic<int> deaths{0};
  FakeDaemon::Options options = test::one_reader();
  options.hook = [&deaths](const FakeRequest& request) -> std::optional<FakeAnswer> {
    if (request.command != Command::connect || deaths++ > 0) return std::nullopt;
    return FakeAnswer{{}, /*hangs_up=*/true};
  };
  start_daemon(options);
  EXPECT_EQ(reconnect(card), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardReleaseContext(context_), SCARD_S_SUCCESS);
}

TEST_F(Reattach, HandlesOfAMissingReaderSaySo) {
  const SCARDHANDLE card = test::connect_card(context_);
  daemon_->hang_up();
  daemon_->set_readers({}, 2);
  EXPECT_EQ(test::transmit(card), SCARD_E_READER_UNAVAILABLE);
  EXPECT_EQ(reconnect(card), SCARD_E_READER_UNAVAILABLE);
  daemon_->set_readers({test::slot(kReader, test::kCardIn)}, 3);
  EXPECT_EQ(reconnect(card), SCARD_S_SUCCESS);
}

TEST_F(Reattach, WhatTheCardMayHaveSeenIsNoReset) {
  const SCARDHANDLE card = test::connect_card(context_);
  deadly_ = Command::transmit;
  EXPECT_EQ(test::transmit(card), SCARD_F_COMM_ERROR);
  EXPECT_EQ(daemon_->seen(Command::transmit), 1);
  EXPECT_EQ(test::transmit(card), SCARD_W_RESET_CARD);
  EXPECT_EQ(reconnect(card), SCARD_S_SUCCESS);
  deadly_ = Command::begin_transaction;
  EXPECT_EQ(SCardBeginTransaction(card), SCARD_W_RESET_CARD);
}

TEST_F(Reattach, HandlesAreGivenBackWithoutADaemon) {
  const SCARDHANDLE card = test::connect_card(context_);
  const SCARDHANDLE other = test::connect_card(context_);
  stop_daemon();
  EXPECT_EQ(SCardDisconnect(card, SCARD_RESET_CARD), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardDisconnect(card, SCARD_RESET_CARD), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(SCardReleaseContext(context_), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardDisconnect(other, SCARD_LEAVE_CARD), SCARD_E_INVALID_HANDLE);
}

TEST_F(Reattach, NumbersOfTheNextDaemonDoNotClashWithOldOnes) {
  const SCARDHANDLE card = test::connect_card(context_);
  stop_daemon();
  start_daemon();  // counts from the beginning
  const SCARDCONTEXT other_context = test::establish_context();
  const SCARDHANDLE other = test::connect_card(other_context);
  EXPECT_NE(other_context, context_);
  EXPECT_NE(other, card);
  EXPECT_EQ(status(other), SCARD_S_SUCCESS);
  EXPECT_EQ(status(card), SCARD_W_RESET_CARD);
  EXPECT_EQ(SCardReleaseContext(other_context), SCARD_S_SUCCESS);
  EXPECT_EQ(reconnect(card), SCARD_S_SUCCESS);
}

TEST_F(Reattach, TheNextDaemonMayBeAnotherVersion) {
  stop_daemon();
  FakeDaemon::Options options = test::one_reader();
  options.minors = {4};
  options.own_minor = 4;
  start_daemon(options);
  EXPECT_EQ(list(), SCARD_S_SUCCESS);
  EXPECT_EQ(daemon_->seen(Command::get_readers_state), 1);
}

TEST_F(Reattach, ACallIsPatientWhileTheDaemonIsAway) {
  stop_daemon();
  auto call = std::async(std::launch::async, [this] { return list(); });
  start_daemon();
  EXPECT_EQ(call.get(), SCARD_S_SUCCESS);
}

TEST_F(Reattach, ACallEndsWhenItsContextIsReleased) {
  stop_daemon();
  auto call = std::async(std::launch::async, [this] { return list(); });
  EXPECT_EQ(SCardReleaseContext(context_), SCARD_S_SUCCESS);
  EXPECT_EQ(call.get(), SCARD_E_INVALID_HANDLE);
}

TEST_F(Reattach, WaitsGoOn) {
  auto waiter = wait_for(INFINITE, entry(kReader, SCARD_STATE_PRESENT));
  daemon_->await_armed(1);
  daemon_->hang_up();
  daemon_->await_armed(2);
  daemon_->set_readers({test::slot(kReader, test::kCardOut)}, 1);
  daemon_->complete();
  const Outcome outcome = waiter.get();
  EXPECT_EQ(outcome.rv, SCARD_S_SUCCESS);
  EXPECT_EQ(outcome.state.dwEventState & 0xFFFF, DWORD{SCARD_STATE_EMPTY | SCARD_STATE_CHANGED});
}

TEST_F(Reattach, AnotherCountOfEventsIsNoNewsToAWait) {
  const DWORD known = 0x50000 | SCARD_STATE_PRESENT;  // as slot() counts
  auto waiter = wait_for(INFINITE, entry(kReader, known));
  daemon_->await_armed(1);
  wire::ReaderState restarted = test::slot(kReader, test::kCardIn);
  restarted.event_counter = 1;
  daemon_->set_readers({restarted}, 1);
  daemon_->hang_up();
  daemon_->await_armed(2);
  restarted.event_counter = 3;
  daemon_->set_readers({restarted}, 1);
  daemon_->complete();
  const Outcome outcome = waiter.get();
  EXPECT_EQ(outcome.rv, SCARD_S_SUCCESS);
  EXPECT_EQ(outcome.state.dwEventState, 0x30000u | SCARD_STATE_PRESENT | SCARD_STATE_CHANGED);
}

TEST_F(Reattach, AnotherCardIsNewsToAWait) {
  auto waiter = wait_for(INFINITE, entry(kReader, 0x50000 | SCARD_STATE_PRESENT));
  daemon_->await_armed(1);
  wire::ReaderState other = test::slot(kReader, test::kCardIn);
  other.event_counter = 1;
  other.atr[1] ^= 0xFF;
  daemon_->set_readers({other}, 1);
  daemon_->hang_up();
  const Outcome outcome = waiter.get();
  EXPECT_EQ(outcome.rv, SCARD_S_SUCCESS);
  EXPECT_EQ(outcome.state.dwEventState, 0x10000u | SCARD_STATE_PRESENT | SCARD_STATE_CHANGED);
}

TEST_F(Reattach, AMissingReaderIsNewsToAWait) {
  auto waiter = wait_for(INFINITE, entry(kReader, SCARD_STATE_PRESENT));
  daemon_->await_armed(1);
  daemon_->set_readers({}, 2);
  daemon_->hang_up();
  const Outcome outcome = waiter.get();
  EXPECT_EQ(outcome.rv, SCARD_S_SUCCESS);
  EXPECT_EQ(outcome.state.dwEventState,
            DWORD{SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE | SCARD_STATE_CHANGED});
}

TEST_F(Reattach, AWaitKeepsItsTimeoutWhileTheDaemonIsAway) {
  stop_daemon();
  SCARD_READERSTATE state = entry(kReader, SCARD_STATE_PRESENT | SCARD_STATE_CHANGED);
  EXPECT_EQ(SCardGetStatusChange(context_, 30, &state, 1), SCARD_E_TIMEOUT);
  EXPECT_EQ(state.dwEventState, DWORD{SCARD_STATE_PRESENT});
  EXPECT_EQ(SCardGetStatusChange(context_, 0, &state, 1), SCARD_E_TIMEOUT);
}

TEST_F(Reattach, AWaitIsCancelledWhileTheDaemonIsAway) {
  auto waiter = wait_for(INFINITE, entry(kReader, SCARD_STATE_PRESENT));
  daemon_->await_armed(1);
  stop_daemon();
  EXPECT_EQ(SCardCancel(context_), SCARD_S_SUCCESS);
  EXPECT_EQ(waiter.get().rv, SCARD_E_CANCELLED);
}

TEST_F(Reattach, AWaitIsCancelledAndTimedWhileTheNextDaemonIsSilent) {
  stop_daemon();
  const std::string path = ::testing::TempDir() + "silent-" + std::to_string(::getpid());
  const auto silent = listen_unix(path, 4);
  ASSERT_TRUE(silent);
  const ScopeExit clean_up([&path] { ::unlink(path.c_str()); });
  library().set_environment_for_test({path, false, true});
  SCARD_READERSTATE state = entry(kReader, SCARD_STATE_PRESENT);
  EXPECT_EQ(SCardGetStatusChange(context_, 10, &state, 1), SCARD_E_TIMEOUT);
  auto waiter = wait_for(INFINITE, entry(kReader, SCARD_STATE_PRESENT));
  EXPECT_EQ(SCardCancel(context_), SCARD_S_SUCCESS);
  while (waiter.wait_for(milliseconds(1)) != std::future_status::ready) SCardCancel(context_);
  EXPECT_EQ(waiter.get().rv, SCARD_E_CANCELLED);
}

TEST_F(Reattach, CanBeSwitchedOff) {
  const SCARDHANDLE card = test::connect_card(context_);
  library().set_environment_for_test({daemon_->path(), false, /*reattaches=*/false});
  auto waiter = wait_for(INFINITE, entry(kReader, SCARD_STATE_PRESENT));
  daemon_->await_armed(1);
  daemon_->hang_up();
  EXPECT_EQ(waiter.get().rv, SCARD_F_COMM_ERROR);
  EXPECT_EQ(list(), SCARD_E_NO_SERVICE);
  EXPECT_EQ(status(card), SCARD_E_NO_SERVICE);
  EXPECT_EQ(SCardDisconnect(card, SCARD_LEAVE_CARD), SCARD_E_NO_SERVICE);
  EXPECT_EQ(SCardIsValidContext(context_), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardReleaseContext(context_), SCARD_E_NO_SERVICE);
}

}  // namespace
}  // namespace cardea
