// Locked cards: who is asked again, how often, and who gets in between.
#include "libpcsclite/session.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <future>
#include <thread>

#include "client_test.hpp"

namespace cardea {
namespace {

using test::FakeAnswer;
using test::FakeDaemon;
using test::FakeRequest;
using wire::Command;

/// A daemon whose card is locked by somebody else until END arrives or unlock() is called.
class LockedCard : public testing::Test {
 protected:
  LockedCard() {
    FakeDaemon::Options options = test::one_reader();
    options.hook = [this](const FakeRequest& request) { return refuse(request); };
    daemon_.emplace(options);
    test::use_daemon(*daemon_);
    context_ = test::establish_context();
    card_ = test::connect_card(context_);
  }
  ~LockedCard() override {
    locked_ = false;
    if (SCardIsValidContext(context_) == SCARD_S_SUCCESS) SCardReleaseContext(context_);
  }

  std::optional<FakeAnswer> refuse(const FakeRequest& request) {
    if (request.command == Command::end_transaction) locked_ = false;
    if (!locked_) return std::nullopt;
    constexpr std::uint32_t kRefused = to_wire(ScardRv::sharing_violation);
    switch (request.command) {
      case Command::begin_transaction:
        return FakeAnswer{test::to_bytes(wire::Begin{0, kRefused})};
      case Command::status:
        return FakeAnswer{test::to_bytes(wire::Status{0, kRefused})};
      case Command::reconnect:
        return FakeAnswer{test::to_bytes(wire::Reconnect{0, 0, 0, 0, 0, kRefused})};
      case Command::transmit: {
        wire::Transmit message{};
        message.rv = kRefused;
        return FakeAnswer{test::to_bytes(message)};
      }
      case Command::control:
        return FakeAnswer{test::to_bytes(wire::Control{0, 0, 0, 0, 0, kRefused})};
      default:
        return std::nullopt;
    }
  }

  LONG transmit() { return test::transmit(card_); }
  LONG status() { return SCardStatus(card_, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr); }
  LONG reconnect() {
    DWORD protocol = 0;
    return SCardReconnect(card_, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, 0, &protocol);
  }

  std::atomic<bool> locked_{true};
  std::optional<FakeDaemon> daemon_;
  SCARDCONTEXT context_ = 0;
  SCARDHANDLE card_ = 0;
};

TEST_F(LockedCard, IsWaitedForByBeginReconnectStatusAndTransmit) {
  const std::array<std::pair<Command, std::function<LONG()>>, 4> calls{{
      {Command::begin_transaction, [this] { return SCardBeginTransaction(card_); }},
      {Command::reconnect, [this] { return reconnect(); }},
      {Command::status, [this] { return status(); }},
      {Command::transmit, [this] { return transmit(); }},
  }};
  for (const auto& [command, call] : calls) {
    locked_ = true;
    const auto start = Clock::now();
    auto waiter = std::async(std::launch::async, call);
    daemon_->await(command, 3);
    // No faster than one try in 100 ms, with a daemon that refuses at once.
    EXPECT_GE(Clock::now() - start, 2 * kLockTryMin);
    locked_ = false;
    EXPECT_EQ(waiter.get(), SCARD_S_SUCCESS);
  }
}

TEST_F(LockedCard, IsReportedByControl) {
  EXPECT_EQ(SCardControl(card_, 1, nullptr, 0, nullptr, 0, nullptr), SCARD_E_SHARING_VIOLATION);
  EXPECT_EQ(daemon_->seen(Command::control), 1);
}

TEST_F(LockedCard, IsReportedToProgramsThatDoNotWantToWait) {
  test::use_daemon(*daemon_, /*no_blocking=*/true);
  EXPECT_EQ(transmit(), SCARD_E_SHARING_VIOLATION);
  EXPECT_EQ(status(), SCARD_E_SHARING_VIOLATION);
  EXPECT_EQ(reconnect(), SCARD_E_SHARING_VIOLATION);
  auto begin = std::async(std::launch::async, [this] { return SCardBeginTransaction(card_); });
  daemon_->await(Command::begin_transaction, 2);
  locked_ = false;
  EXPECT_EQ(begin.get(), SCARD_S_SUCCESS);
}

TEST_F(LockedCard, IsFreedByAThreadOfTheSameContext) {
  auto waiter = std::async(std::launch::async, [this] { return SCardBeginTransaction(card_); });
  daemon_->await(Command::begin_transaction, 1);
  EXPECT_EQ(SCardEndTransaction(card_, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
  EXPECT_EQ(waiter.get(), SCARD_S_SUCCESS);
}

TEST_F(LockedCard, IsNotWaitedForOnceTheHandleIsGone) {
  auto waiter = std::async(std::launch::async, [this] { return SCardBeginTransaction(card_); });
  daemon_->await(Command::begin_transaction, 1);
  EXPECT_EQ(SCardDisconnect(card_, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
  const int tries = daemon_->seen(Command::begin_transaction);
  EXPECT_EQ(waiter.get(), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(daemon_->seen(Command::begin_transaction), tries);
}

TEST_F(LockedCard, IsNotWaitedForOnceTheContextIsReleased) {
  auto waiter = std::async(std::launch::async, [this] { return transmit(); });
  daemon_->await(Command::transmit, 1);
  EXPECT_EQ(SCardReleaseContext(context_), SCARD_S_SUCCESS);
  EXPECT_EQ(waiter.get(), SCARD_E_INVALID_HANDLE);
}

TEST(Session, SurvivesReleasesUnderManyThreads) {
  FakeDaemon daemon(test::one_reader());
  test::use_daemon(daemon);
  for (int round = 0; round < 20; ++round) {
    const SCARDCONTEXT context = test::establish_context();
    const SCARDHANDLE card = test::connect_card(context);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([context, card] {
        for (;;) {
          DWORD length = 0;
          const LONG begin = SCardBeginTransaction(card);
          const LONG list = SCardListReaders(context, nullptr, nullptr, &length);
          SCARD_READERSTATE state = test::entry(test::kReader, SCARD_STATE_PRESENT);
          const LONG wait = SCardGetStatusChange(context, 1, &state, 1);
          EXPECT_TRUE(begin == SCARD_S_SUCCESS || begin == SCARD_E_INVALID_HANDLE) << begin;
          EXPECT_TRUE(wait == SCARD_E_TIMEOUT || wait == SCARD_E_INVALID_HANDLE ||
                      wait == SCARD_E_CANCELLED)
              << wait;
          if (list != SCARD_S_SUCCESS) {
            EXPECT_EQ(list, SCARD_E_INVALID_HANDLE);
            return;
          }
        }
      });
    }
    daemon.await(Command::begin_transaction, 10 * (round + 1));
    EXPECT_EQ(SCardReleaseContext(context), SCARD_S_SUCCESS);
    for (std::thread& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace cardea
