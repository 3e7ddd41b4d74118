#include "daemon/io/executor.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <memory>
#include <thread>

namespace cardea {
namespace {

class ExecutorTest : public testing::Test {
 protected:
  void SetUp() override {
    make([](const Poller::Event&) {});
  }
  void make(Executor::EventHandler handler) {
    executor.reset();
    auto created = Executor::create(poller, std::move(handler));
    ASSERT_TRUE(created);
    executor = std::move(*created);
  }

  Poller poller = std::move(*Poller::create());
  std::unique_ptr<Executor> executor;
};

TEST_F(ExecutorTest, RunsEveryTaskOnce) {
  constexpr int kTasks = 1'000;
  ASSERT_TRUE(executor->start(3));
  std::atomic<int> ran{0};
  std::latch all(kTasks);
  for (int i = 0; i < kTasks; ++i) {
    executor->post([&] {
      ++ran;
      all.count_down();
    });
  }
  all.wait();
  executor->stop();
  EXPECT_EQ(ran, kTasks);
}

TEST_F(ExecutorTest, KeepsTasksThatCameBeforeItsThreads) {
  std::latch all(2);
  executor->post([&] { all.count_down(); });
  executor->post([&] { all.count_down(); });
  ASSERT_TRUE(executor->start(1));
  all.wait();
  executor->stop();
}

TEST_F(ExecutorTest, ABlockedTaskDoesNotHoldUpTheNext) {
  ASSERT_TRUE(executor->start(1));
  ASSERT_TRUE(executor->grow());
  std::latch release(1);
  std::latch blocked(1);
  std::latch second(1);
  executor->post([&] {
    blocked.count_down();
    release.wait();
  });
  blocked.wait();
  executor->post([&] { second.count_down(); });
  second.wait();
  release.count_down();
  executor->stop();  // before what the tasks use goes
}

TEST_F(ExecutorTest, GrowsWhileAllThreadsAreBlocked) {
  ASSERT_TRUE(executor->start(1));
  std::latch release(1);
  std::latch blocked(1);
  std::latch second(1);
  executor->post([&] {
    blocked.count_down();
    release.wait();
  });
  blocked.wait();
  executor->post([&] { second.count_down(); });
  ASSERT_TRUE(executor->grow());
  second.wait();
  release.count_down();
  executor->stop();  // before what the tasks use goes
}

TEST_F(ExecutorTest, GrowsAndShrinksOverAndOver) {
  ASSERT_TRUE(executor->start(1));
  for (int round = 0; round < 1'000; ++round) {
    ASSERT_TRUE(executor->grow());
    // Two tasks that wait for each other need two threads.
    const auto both = std::make_shared<std::latch>(2);
    executor->post([both] { both->arrive_and_wait(); });
    executor->post([both] { both->arrive_and_wait(); });
    both->wait();
    executor->shrink();
    // The next round may find the thread still there or gone.
  }
  EXPECT_GE(executor->threads(), 1);
  EXPECT_LE(executor->threads(), 2);
}

TEST_F(ExecutorTest, HandsEventsToItsHandler) {
  std::latch seen(1);
  std::uint64_t token = 0;
  make([&](const Poller::Event& event) {
    token = event.token;
    seen.count_down();
  });
  const UniqueFd fd(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  ASSERT_TRUE(poller.add(fd.get(), 42, EPOLLIN));
  ASSERT_TRUE(executor->start(2));
  seen.wait();
  executor->stop();
  EXPECT_EQ(token, 42u);
}

TEST_F(ExecutorTest, AnEventIsForOneThreadUntilItIsArmedAgain) {
  constexpr int kEvents = 2'000;
  const UniqueFd fd(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  std::atomic<int> inside{0};
  std::atomic<int> together{0};
  std::atomic<int> events{0};
  std::latch done(1);
  make([&](const Poller::Event&) {
    if (++inside != 1) ++together;
    const int number = ++events;
    --inside;
    if (number < kEvents) {
      poller.arm(fd.get(), 7, EPOLLIN);
    } else {
      done.count_down();
    }
  });
  ASSERT_TRUE(poller.add(fd.get(), 7, EPOLLIN));
  ASSERT_TRUE(executor->start(4));
  done.wait();
  executor->stop();
  EXPECT_EQ(together, 0);
  EXPECT_EQ(events, kEvents);
}

TEST_F(ExecutorTest, StopsOverAndOver) {
  for (int round = 0; round < 1'000; ++round) {
    Poller own = std::move(*Poller::create());
    auto created = Executor::create(own, [](const Poller::Event&) {});
    ASSERT_TRUE(created);
    std::atomic<int> ran{0};
    ASSERT_TRUE((*created)->start(1 + round % 4));
    (*created)->post([&ran] { ++ran; });
    if (round % 2 == 0) {
      ASSERT_TRUE((*created)->grow());
    }
    if (round % 3 == 0) (*created)->shrink();
    (*created)->stop();
    EXPECT_EQ((*created)->threads(), 0);
    EXPECT_LE(ran, 1);
    (*created)->stop();  // a second time does no harm
  }
}

TEST_F(ExecutorTest, StaysStopped) {
  ASSERT_TRUE(executor->start(2));
  std::atomic<int> ran{0};
  std::latch started(1);
  std::latch release(1);
  // A task that is late asks for more while it is being waited for.
  executor->post([&] {
    started.count_down();
    release.wait();
    ASSERT_TRUE(executor->grow());
    executor->post([&ran] { ++ran; });
    executor->shrink();
  });
  started.wait();
  std::thread stopping([this] { executor->stop(); });
  release.count_down();
  stopping.join();
  ASSERT_TRUE(executor->grow());
  executor->post([&ran] { ++ran; });
  executor->stop();
  EXPECT_EQ(executor->threads(), 0);
  EXPECT_LE(ran, 1);
}

TEST_F(ExecutorTest, FinishesTheTaskThatRunsWhenItStops) {
  ASSERT_TRUE(executor->start(2));
  std::latch started(1);
  std::latch release(1);
  std::atomic<bool> finished{false};
  executor->post([&] {
    started.count_down();
    release.wait();
    finished = true;
  });
  started.wait();
  executor->post([&] { release.count_down(); });
  release.wait();
  executor->stop();
  EXPECT_TRUE(finished);
}

}  // namespace
}  // namespace cardea
