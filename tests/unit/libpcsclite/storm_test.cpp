// Threads, cancels, forks and dying daemons in great numbers: what one round does not show. Run
// under ThreadSanitizer and AddressSanitizer as well.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <future>
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

constexpr int kRounds = 1'000;

TEST(Storm, TwoThreadsOnOneContext) {
  FakeDaemon daemon(test::one_reader());
  test::use_daemon(daemon);
  const SCARDCONTEXT context = test::establish_context();
  const SCARDHANDLE card = test::connect_card(context);
  std::thread other([context] {
    for (int i = 0; i < kRounds; ++i) {
      SCARD_READERSTATE state = entry(kReader, SCARD_STATE_PRESENT);
      const LONG rv = SCardGetStatusChange(context, 0, &state, 1);
      EXPECT_TRUE(rv == SCARD_E_TIMEOUT || rv == SCARD_S_SUCCESS) << rv;
      EXPECT_EQ(test::list_readers(context), SCARD_S_SUCCESS);
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    EXPECT_EQ(SCardBeginTransaction(card), SCARD_S_SUCCESS);
    EXPECT_EQ(test::transmit(card), SCARD_S_SUCCESS);
    EXPECT_EQ(SCardEndTransaction(card, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
  }
  other.join();
  EXPECT_EQ(SCardReleaseContext(context), SCARD_S_SUCCESS);
}

TEST(Storm, SixteenThreadsWithContextsOfTheirOwn) {
  constexpr int kThreads = 16;
  FakeDaemon daemon(test::one_reader());
  test::use_daemon(daemon);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([] {
      for (int round = 0; round < kRounds / kThreads; ++round) {
        const SCARDCONTEXT context = test::establish_context();
        const SCARDHANDLE card = test::connect_card(context);
        EXPECT_EQ(test::transmit(card), SCARD_S_SUCCESS);
        EXPECT_EQ(SCardDisconnect(card, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
        EXPECT_EQ(SCardReleaseContext(context), SCARD_S_SUCCESS);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(daemon.seen(Command::release_context), kThreads * (kRounds / kThreads));
}

/// A wait that begins, asks, registers and waits; in which of these phases the cancel comes.
struct Phase {
  int minor;
  Command during;  ///< the daemon is about to answer this
};

class CancelStorm : public testing::TestWithParam<Phase> {};

INSTANTIATE_TEST_SUITE_P(Phases, CancelStorm,
                         testing::Values(Phase{3, Command::wait_reader_state_change},
                                         Phase{3, Command::get_readers_state},
                                         Phase{4, Command::wait_reader_state_change},
                                         Phase{5, Command::wait_reader_state_change},
                                         Phase{5, Command::get_reader_events},
                                         Phase{6, Command::get_readers_state_size},
                                         Phase{6, Command::get_readers_state_array},
                                         Phase{6, Command::wait_reader_state_change}));

TEST_P(CancelStorm, EndsTheWaitEveryTime) {
  const Phase phase = GetParam();
  std::atomic<SCARDCONTEXT> to_cancel{0};
  FakeDaemon::Options options = test::one_reader();
  options.minors = {phase.minor};
  options.own_minor = phase.minor;
  options.hook = [&](const FakeRequest& request) -> std::optional<FakeAnswer> {
    if (request.command == phase.during) {
      if (const SCARDCONTEXT context = to_cancel.exchange(0)) (void)SCardCancel(context);
    }
    return std::nullopt;
  };
  FakeDaemon daemon(options);
  test::use_daemon(daemon);
  const SCARDCONTEXT context = test::establish_context();
  for (int i = 0; i < kRounds; ++i) {
    to_cancel = context;
    // A PnP entry as well, so that 4:5 asks for the number of reader events.
    std::array states{entry(kReader, SCARD_STATE_PRESENT),
                      entry("\\\\?PnP?\\Notification", SCARD_STATE_UNAWARE)};
    ASSERT_EQ(SCardGetStatusChange(context, INFINITE, states.data(), 2), SCARD_E_CANCELLED);
    ASSERT_EQ(to_cancel, 0);
  }
  EXPECT_EQ(test::list_readers(context), SCARD_S_SUCCESS);  // in step
  EXPECT_EQ(SCardReleaseContext(context), SCARD_S_SUCCESS);
}

TEST(Storm, CancelsAndEventsAtTheSameTime) {
  FakeDaemon daemon(test::one_reader());
  test::use_daemon(daemon);
  const SCARDCONTEXT context = test::establish_context();
  for (int i = 0; i < kRounds; ++i) {
    std::thread both([&daemon, context, before = daemon.armings()] {
      daemon.await_armed(before + 1);
      std::thread event([&daemon] { daemon.complete_if_armed(); });
      EXPECT_EQ(SCardCancel(context), SCARD_S_SUCCESS);
      event.join();
    });
    // The event is not of this reader, so only the cancel can end the wait; it may register twice.
    SCARD_READERSTATE state = entry(kReader, SCARD_STATE_PRESENT);
    ASSERT_EQ(SCardGetStatusChange(context, INFINITE, &state, 1), SCARD_E_CANCELLED);
    both.join();
  }
  EXPECT_EQ(SCardReleaseContext(context), SCARD_S_SUCCESS);
}

// The AddressSanitizer of GCC 12 leaves its allocator's locks alone around fork(), so that a child
// may find one held by a thread that it does not have, as glibc's own allocator never lets happen.
#ifdef __SANITIZE_ADDRESS__
constexpr unsigned kChildSecondsMax = 5;
constexpr int kBlockedChildrenMax = 10;
#else
constexpr unsigned kChildSecondsMax = 60;
constexpr int kBlockedChildrenMax = 0;
#endif

enum class Child { well, wrong, blocked };

Child run_child(SCARDCONTEXT context, bool connects) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(kChildSecondsMax);
    bool well = SCardIsValidContext(context) == SCARD_S_SUCCESS;
    if (connects) well = well && test::list_readers(context) == SCARD_S_SUCCESS;
    well = well && SCardReleaseContext(context) == SCARD_S_SUCCESS &&
           SCardIsValidContext(context) == SCARD_E_INVALID_HANDLE;
    ::_exit(well ? 0 : 1);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child) return Child::wrong;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return Child::blocked;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? Child::well : Child::wrong;
}

TEST(Storm, ForksWhileThreadsWork) {
  FakeDaemon daemon(test::one_reader());
  test::use_daemon(daemon);
  const SCARDCONTEXT context = test::establish_context();
  const SCARDHANDLE card = test::connect_card(context);
  std::atomic<bool> stop{false};
  std::thread same([&] {
    while (!stop) {
      EXPECT_EQ(SCardBeginTransaction(card), SCARD_S_SUCCESS);
      EXPECT_EQ(SCardEndTransaction(card, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
    }
  });
  std::thread other([&] {
    const SCARDCONTEXT own = test::establish_context();
    while (!stop) {
      EXPECT_EQ(test::list_readers(own), SCARD_S_SUCCESS);
      EXPECT_EQ(SCardIsValidContext(context), SCARD_S_SUCCESS);
    }
    EXPECT_EQ(SCardReleaseContext(own), SCARD_S_SUCCESS);
  });
  int wrong = 0;
  int blocked = 0;
  for (int i = 0; i < kRounds && wrong == 0 && blocked <= kBlockedChildrenMax; ++i) {
    const Child child = run_child(context, /*connects=*/i % 20 == 0);
    if (child == Child::wrong) ++wrong;
    if (child == Child::blocked) ++blocked;
  }
  stop = true;
  same.join();
  other.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(blocked, kBlockedChildrenMax);
  EXPECT_EQ(SCardReleaseContext(context), SCARD_S_SUCCESS);
}

TEST(Storm, DaemonsDieUnderThreads) {
  constexpr int kThreads = 4;
  constexpr int kDeaths = 100;
  FakeDaemon daemon(test::one_reader());
  test::use_daemon(daemon);
  std::atomic<bool> stop{false};
  std::atomic<int> resets{0};
  std::array<std::atomic<int>, kThreads> rounds{};
  std::vector<std::thread> threads;
  for (std::atomic<int>& done : rounds) {
    threads.emplace_back([&] {
      const SCARDCONTEXT context = test::establish_context();
      const SCARDHANDLE card = test::connect_card(context);
      while (!stop) {
        const LONG rv = test::transmit(card);
        EXPECT_TRUE(rv == SCARD_S_SUCCESS || rv == SCARD_W_RESET_CARD || rv == SCARD_F_COMM_ERROR)
            << rv;
        EXPECT_EQ(test::list_readers(context), SCARD_S_SUCCESS);
        ++done;
        if (rv == SCARD_S_SUCCESS) continue;
        ++resets;
        DWORD protocol = 0;
        EXPECT_EQ(SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, SCARD_LEAVE_CARD,
                                 &protocol),
                  SCARD_S_SUCCESS);
      }
      EXPECT_EQ(SCardReleaseContext(context), SCARD_S_SUCCESS);
    });
  }
  for (int i = 0; i < kDeaths; ++i) {
    // Everybody begins a round after the last death, so nobody meets two in one call.
    for (std::atomic<int>& done : rounds) {
      const int before = done;
      while (done < before + 2) std::this_thread::yield();
    }
    daemon.hang_up();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(resets, kDeaths / 2);
}

}  // namespace
}  // namespace cardea
