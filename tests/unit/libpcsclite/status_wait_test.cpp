// SCardGetStatusChange: arguments, waiting, and everything that ends a wait.
#include "libpcsclite/status_wait.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "client_test.hpp"

namespace cardea {
namespace {

using test::entry;
using test::FakeAnswer;
using test::FakeDaemon;
using test::FakeRequest;
using test::kReader;
using wire::Command;

constexpr const char* kPnp = "\\\\?PnP?\\Notification";

/// Holds the daemon's threads back at a command until it is opened.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::lock_guard guard(mutex_);
    open_ = true;
    opened_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

struct Outcome {
  LONG rv;
  SCARD_READERSTATE state;
};

std::future<Outcome> wait_in_thread(SCARDCONTEXT context, DWORD timeout_ms,
                                    SCARD_READERSTATE state) {
  return std::async(std::launch::async, [=]() mutable {
    const LONG rv = SCardGetStatusChange(context, timeout_ms, &state, 1);
    return Outcome{rv, state};
  });
}

/// All tests run with each dialect.
class StatusWaitIn : public testing::TestWithParam<int> {
 protected:
  StatusWaitIn() {
    FakeDaemon::Options options = test::one_reader();
    options.minors = {GetParam()};
    options.own_minor = GetParam();
    options.hook = [this](const FakeRequest& request) -> std::optional<FakeAnswer> {
      if (request.command == held_) gate_.pass();
      return std::nullopt;
    };
    daemon_.emplace(options);
    test::use_daemon(*daemon_);
    context_ = test::establish_context();
  }
  ~StatusWaitIn() override {
    gate_.open();
    if (SCardIsValidContext(context_) == SCARD_S_SUCCESS) SCardReleaseContext(context_);
  }
  /// After whatever happened, the connection must be in step.
  void expect_in_step() {
    DWORD length = 0;
    EXPECT_EQ(SCardListReaders(context_, nullptr, nullptr, &length), SCARD_S_SUCCESS);
    EXPECT_EQ(length, std::string(kReader).size() + 2);
  }

  std::atomic<Command> held_{Command{}};
  Gate gate_;
  std::optional<FakeDaemon> daemon_;
  SCARDCONTEXT context_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Minor, StatusWaitIn, testing::Values(3, 4, 5, 6));

TEST_P(StatusWaitIn, ReturnsWhatTheDaemonAnnounces) {
  auto waiter = wait_in_thread(context_, INFINITE, entry(kReader, SCARD_STATE_PRESENT));
  daemon_->await_armed(1);
  daemon_->set_readers({test::slot(kReader, test::kCardOut)}, 1);
  daemon_->complete();
  const Outcome outcome = waiter.get();
  EXPECT_EQ(outcome.rv, SCARD_S_SUCCESS);
  EXPECT_EQ(outcome.state.dwEventState, 0x50000u | SCARD_STATE_EMPTY | SCARD_STATE_CHANGED);
  EXPECT_EQ(outcome.state.cbAtr, 0u);
  expect_in_step();
}

TEST_P(StatusWaitIn, SleepsOnAfterAnEventThatIsNotItsOwn) {
  auto waiter = wait_in_thread(context_, INFINITE, entry(kReader, SCARD_STATE_PRESENT));
  daemon_->await_armed(1);
  daemon_->complete();
  daemon_->await_armed(2);
  daemon_->set_readers({}, 2);
  daemon_->complete();
  EXPECT_EQ(waiter.get().rv, SCARD_S_SUCCESS);
}

TEST_P(StatusWaitIn, TimesOutInTimeAndTellsTheState) {
  SCARD_READERSTATE state = entry(kReader, SCARD_STATE_PRESENT);
  const auto start = Clock::now();
  EXPECT_EQ(SCardGetStatusChange(context_, 30, &state, 1), SCARD_E_TIMEOUT);
  EXPECT_GE(Clock::now() - start, milliseconds(30));
  EXPECT_EQ(state.dwEventState, 0x50000u | SCARD_STATE_PRESENT);
  EXPECT_EQ(daemon_->seen(Command::stop_waiting_reader_state_change), 1);
  expect_in_step();
}

TEST_P(StatusWaitIn, LooksOnceWithoutRegisteringForATimeoutOfZero) {
  SCARD_READERSTATE state = entry(kReader, SCARD_STATE_PRESENT);
  daemon_->forget_reads();
  EXPECT_EQ(SCardGetStatusChange(context_, 0, &state, 1), SCARD_E_TIMEOUT);
  EXPECT_EQ(daemon_->reads().size(), 1u);
  EXPECT_EQ(daemon_->seen(Command::wait_reader_state_change), 0);
}

TEST_P(StatusWaitIn, CanBeCancelledWhileWaiting) {
  auto waiter = wait_in_thread(context_, INFINITE, entry(kReader, SCARD_STATE_PRESENT));
  daemon_->await_armed(1);
  EXPECT_EQ(SCardCancel(context_), SCARD_S_SUCCESS);
  EXPECT_EQ(waiter.get().rv, SCARD_E_CANCELLED);
  EXPECT_EQ(daemon_->seen(Command::cancel), 0);
  expect_in_step();
}

TEST_P(StatusWaitIn, CanBeCancelledBeforeItHasRegistered) {
  held_ = GetParam() == 3 ? Command::get_readers_state : Command::wait_reader_state_change;
  auto waiter = wait_in_thread(context_, INFINITE, entry(kReader, SCARD_STATE_PRESENT));
  daemon_->await(held_, 1);
  EXPECT_EQ(SCardCancel(context_), SCARD_S_SUCCESS);
  gate_.open();
  EXPECT_EQ(waiter.get().rv, SCARD_E_CANCELLED);
  expect_in_step();
}

TEST_P(StatusWaitIn, DoesNotMindAnOlderCancel) {
  EXPECT_EQ(SCardCancel(context_), SCARD_S_SUCCESS);
  SCARD_READERSTATE state = entry(kReader, SCARD_STATE_PRESENT);
  EXPECT_EQ(SCardGetStatusChange(context_, 20, &state, 1), SCARD_E_TIMEOUT);
}

TEST_P(StatusWaitIn, CanBeCancelledAgainAndAgain) {
  for (int i = 1; i <= 20; ++i) {
    auto waiter = wait_in_thread(context_, INFINITE, entry(kReader, SCARD_STATE_PRESENT));
    daemon_->await_armed(i);
    EXPECT_EQ(SCardCancel(context_), SCARD_S_SUCCESS);
    EXPECT_EQ(waiter.get().rv, SCARD_E_CANCELLED);
  }
  expect_in_step();
}

TEST_P(StatusWaitIn, ObeysACancelFromTheDaemon) {
  auto waiter = wait_in_thread(context_, INFINITE, entry(kReader, SCARD_STATE_PRESENT));
  daemon_->await_armed(1);
  daemon_->complete(to_wire(ScardRv::cancelled));
  EXPECT_EQ(waiter.get().rv, SCARD_E_CANCELLED);
  EXPECT_EQ(daemon_->seen(Command::stop_waiting_reader_state_change), 0);
  expect_in_step();
}

TEST_P(StatusWaitIn, EndsWhenItsContextIsReleased) {
  auto waiter = wait_in_thread(context_, INFINITE, entry(kReader, SCARD_STATE_PRESENT));
  daemon_->await_armed(1);
  EXPECT_EQ(SCardReleaseContext(context_), SCARD_S_SUCCESS);
  EXPECT_EQ(waiter.get().rv, SCARD_E_CANCELLED);
  EXPECT_EQ(SCardIsValidContext(context_), SCARD_E_INVALID_HANDLE);
}

TEST_P(StatusWaitIn, EndsWhenTheDaemonDiesIfItMayNotReattach) {
  library().set_environment_for_test({daemon_->path(), false, /*reattaches=*/false});
  auto waiter = wait_in_thread(context_, INFINITE, entry(kReader, SCARD_STATE_PRESENT));
  daemon_->await_armed(1);
  daemon_->hang_up();
  EXPECT_EQ(waiter.get().rv, SCARD_F_COMM_ERROR);
}

TEST_P(StatusWaitIn, GoesOnWhenTheDaemonIsReplaced) {
  auto waiter = wait_in_thread(context_, INFINITE, entry(kReader, SCARD_STATE_PRESENT));
  daemon_->await_armed(1);
  daemon_->hang_up();
  daemon_->await_armed(2);
  daemon_->set_readers({test::slot(kReader, test::kCardOut)}, 1);
  daemon_->complete();
  EXPECT_EQ(waiter.get().rv, SCARD_S_SUCCESS);
  expect_in_step();
}

TEST_P(StatusWaitIn, KeepsItsTimeoutWithADaemonThatStopped) {
  held_ = Command::stop_waiting_reader_state_change;
  SCARD_READERSTATE state = entry(kReader, SCARD_STATE_PRESENT);
  const auto start = Clock::now();
  EXPECT_EQ(SCardGetStatusChange(context_, 20, &state, 1), SCARD_E_TIMEOUT);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(10));
  gate_.open();  // the daemon goes on, and its late answer is not taken for another
  expect_in_step();
}

TEST_P(StatusWaitIn, KeepsItsTimeoutWithADaemonThatNeverAnswers) {
  held_ = GetParam() == 6 ? Command::get_readers_state_size : Command::get_readers_state;
  SCARD_READERSTATE state = entry(kReader, SCARD_STATE_PRESENT | SCARD_STATE_CHANGED);
  EXPECT_EQ(SCardGetStatusChange(context_, 0, &state, 1), SCARD_E_TIMEOUT);
  EXPECT_EQ(state.dwEventState, DWORD{SCARD_STATE_PRESENT});
  gate_.open();
  expect_in_step();
}

TEST_P(StatusWaitIn, HoldsOffPthreadCancelUntilItReturns) {
  SCARD_READERSTATE state = entry(kReader, SCARD_STATE_PRESENT);
  struct Argument {
    SCARDCONTEXT context;
    SCARD_READERSTATE* state;
  } argument{context_, &state};
  pthread_t thread{};
  ASSERT_EQ(::pthread_create(
                &thread, nullptr,
                [](void* opaque) -> void* {
                  auto* const self = static_cast<Argument*>(opaque);
                  (void)SCardGetStatusChange(self->context, INFINITE, self->state, 1);
                  ::pthread_testcancel();
                  return nullptr;
                },
                &argument),
            0);
  daemon_->await_armed(1);
  ASSERT_EQ(::pthread_cancel(thread), 0);
  EXPECT_EQ(SCardCancel(context_), SCARD_S_SUCCESS);
  void* result = nullptr;
  ASSERT_EQ(::pthread_join(thread, &result), 0);
  EXPECT_EQ(result, PTHREAD_CANCELED);
  expect_in_step();
}

TEST_P(StatusWaitIn, SeesAReaderComeThroughThePnpName) {
  auto waiter = wait_in_thread(context_, INFINITE, entry(kPnp, 0));
  daemon_->await_armed(1);
  daemon_->set_readers({test::slot(kReader, 2), test::slot("Second", 2)}, 2);
  daemon_->complete();
  const Outcome outcome = waiter.get();
  EXPECT_EQ(outcome.rv, SCARD_S_SUCCESS);
  const DWORD counter = GetParam() >= 5 ? 0x20000 : 0;
  EXPECT_EQ(outcome.state.dwEventState, counter | SCARD_STATE_CHANGED);
}

TEST_P(StatusWaitIn, SeesAReaderReplacedByAnother) {
  auto waiter = wait_in_thread(context_, INFINITE, entry(kPnp, 0));
  daemon_->await_armed(1);
  daemon_->set_readers({test::slot("Another", 2)}, 3);
  daemon_->complete();
  EXPECT_EQ(waiter.get().rv, SCARD_S_SUCCESS);
}

class StatusWait : public testing::Test {
 protected:
  StatusWait() : daemon_(test::one_reader()) {
    test::use_daemon(daemon_);
    context_ = test::establish_context();
  }
  ~StatusWait() override { SCardReleaseContext(context_); }

  FakeDaemon daemon_;
  SCARDCONTEXT context_ = 0;
};

TEST_F(StatusWait, ChecksArgumentsInOrder) {
  std::array states{entry("No Such Reader", 0), entry(nullptr, 0)};
  states[0].dwEventState = 0x77;
  EXPECT_EQ(SCardGetStatusChange(0, 0, nullptr, 1), SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(SCardGetStatusChange(0, 0, states.data(), 2), SCARD_E_INVALID_VALUE);
  EXPECT_EQ(SCardGetStatusChange(0, INFINITE, nullptr, 0), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardGetStatusChange(0, 0, states.data(), 1), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(SCardGetStatusChange(context_, INFINITE, states.data(), 1), SCARD_E_UNKNOWN_READER);
  states[0].dwCurrentState = SCARD_STATE_IGNORE;
  EXPECT_EQ(SCardGetStatusChange(0, INFINITE, states.data(), 1), SCARD_S_SUCCESS);
  EXPECT_EQ(states[0].dwEventState, 0x77u);
}

TEST_F(StatusWait, ChecksTheNamesOfIgnoredEntriesToo) {
  std::array states{entry(kReader, 0), entry("No Such Reader", SCARD_STATE_IGNORE)};
  EXPECT_EQ(SCardGetStatusChange(context_, 0, states.data(), 2), SCARD_E_UNKNOWN_READER);
  states[1] = entry(kPnp, SCARD_STATE_IGNORE);
  states[1].dwEventState = 0x77;
  EXPECT_EQ(SCardGetStatusChange(context_, 0, states.data(), 2), SCARD_S_SUCCESS);
  EXPECT_EQ(states[1].dwEventState, 0u);
}

TEST_F(StatusWait, TakesMoreThanSixteenEntries) {
  std::vector<SCARD_READERSTATE> states(40, entry(kReader, SCARD_STATE_PRESENT));
  states.back().dwCurrentState = SCARD_STATE_EMPTY;
  EXPECT_EQ(SCardGetStatusChange(context_, 0, states.data(), states.size()), SCARD_S_SUCCESS);
  EXPECT_EQ(states.front().dwEventState, 0x50000u | SCARD_STATE_PRESENT);
}

TEST_F(StatusWait, RegistersInOneWriteAndNotAtAllForAnUnawareCaller) {
  SCARD_READERSTATE state = entry(kReader, SCARD_STATE_UNAWARE);
  EXPECT_EQ(SCardGetStatusChange(context_, INFINITE, &state, 1), SCARD_S_SUCCESS);
  EXPECT_EQ(daemon_.seen(Command::wait_reader_state_change), 0);
  daemon_.forget_reads();
  state.dwCurrentState = SCARD_STATE_PRESENT;
  EXPECT_EQ(SCardGetStatusChange(context_, 1, &state, 1), SCARD_E_TIMEOUT);
  EXPECT_EQ(daemon_.reads().front(), (std::vector<Command>{Command::wait_reader_state_change,
                                                           Command::get_readers_state_size,
                                                           Command::get_readers_state_array}));
}

TEST_F(StatusWait, CostsOneRoundTripWithATimeoutOfZero) {
  SCARD_READERSTATE state = entry(kReader, SCARD_STATE_PRESENT);
  daemon_.forget_reads();
  const test::SocketCalls before = test::socket_calls();
  EXPECT_EQ(SCardGetStatusChange(context_, 0, &state, 1), SCARD_E_TIMEOUT);
  EXPECT_EQ(test::socket_calls().sends - before.sends, 1);
  EXPECT_EQ(daemon_.reads(),
            (std::vector<std::vector<Command>>{
                {Command::get_readers_state_size, Command::get_readers_state_array}}));
}

TEST_F(StatusWait, ReportsAReaderThatVanishesMeanwhile) {
  auto waiter = wait_in_thread(context_, ~DWORD{0}, entry(kReader, SCARD_STATE_PRESENT));
  daemon_.await_armed(1);
  daemon_.set_readers({}, 2);
  daemon_.complete();
  const Outcome outcome = waiter.get();
  EXPECT_EQ(outcome.rv, SCARD_S_SUCCESS);
  EXPECT_EQ(outcome.state.dwEventState,
            DWORD{SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE | SCARD_STATE_CHANGED});
}

TEST_F(StatusWait, DoesNotHoldUpOtherContexts) {
  auto waiter = wait_in_thread(context_, INFINITE, entry(kReader, SCARD_STATE_PRESENT));
  daemon_.await_armed(1);
  // A second thread queues behind the first on the same context, and still nobody else waits.
  auto queued = std::async(std::launch::async, [this] {
    DWORD length = 0;
    return SCardListReaders(context_, nullptr, nullptr, &length);
  });
  const SCARDCONTEXT other = test::establish_context();
  DWORD length = 0;
  EXPECT_EQ(SCardListReaders(other, nullptr, nullptr, &length), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardIsValidContext(context_), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardReleaseContext(other), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardCancel(context_), SCARD_S_SUCCESS);
  EXPECT_EQ(waiter.get().rv, SCARD_E_CANCELLED);
  EXPECT_EQ(queued.get(), SCARD_S_SUCCESS);
}

}  // namespace
}  // namespace cardea
