// The polling function and its stop function, and what wakes them. A wake-up that is lost shows
// as a wait that lasts until kForeverMs.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "tests/unit/drivers/virtual/test_host.hpp"

namespace cardea::virtual_reader {
namespace {

constexpr int kRounds = 1000;

class Stopwatch {
 public:
  [[nodiscard]] bool shows_a_lost_wakeup() const {
    return std::chrono::steady_clock::now() - start_ >= std::chrono::milliseconds(kForeverMs);
  }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

TEST(WaitEvent, EndsWhenTheTimeIsOver) {
  const OpenReader reader(0, "virtual:");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(poll_function(reader.lun())(reader.lun(), 20), IFD_SUCCESS);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(20));
  EXPECT_EQ(poll_function(reader.lun())(reader.lun(), 0), IFD_SUCCESS);
  EXPECT_EQ(poll_function(reader.lun())(reader.lun(), -1), IFD_SUCCESS);
}

TEST(WaitEvent, ReturnsForAStopThatCameBefore) {
  const OpenReader reader(0, "virtual:");
  const Stopwatch stopwatch;
  stop_function(reader.lun())(reader.lun());
  EXPECT_EQ(poll_function(reader.lun())(reader.lun(), kForeverMs), IFD_SUCCESS);
  EXPECT_FALSE(stopwatch.shows_a_lost_wakeup());
}

TEST(WaitEvent, ReturnsForAChangeThatCameBefore) {
  const OpenReader reader(0, "virtual:");
  const Stopwatch stopwatch;
  EXPECT_EQ(reader.execute("remove 0"), "ok slot 0 is empty\n");
  EXPECT_EQ(poll_function(reader.lun())(reader.lun(), kForeverMs), IFD_SUCCESS);
  EXPECT_FALSE(stopwatch.shows_a_lost_wakeup());
}

TEST(WaitEvent, WaitsForTheNextChangeAfterItReportedOne) {
  const OpenReader reader(0, "virtual:");
  EXPECT_EQ(reader.execute("remove 0"), "ok slot 0 is empty\n");
  poll_function(reader.lun())(reader.lun(), kForeverMs);
  const auto start = std::chrono::steady_clock::now();
  poll_function(reader.lun())(reader.lun(), 20);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(20));
}

TEST(WaitEvent, TellsASwapAsAbsentThenPresentWithoutDelay) {
  const OpenReader reader(0, "virtual:");
  const PollFunction poll = poll_function(reader.lun());
  ASSERT_EQ(IFDHICCPresence(reader.lun()), IFD_ICC_PRESENT);
  reader.change("remove 0");
  reader.change("insert 0");
  const Stopwatch stopwatch;
  poll(reader.lun(), kForeverMs);
  EXPECT_EQ(IFDHICCPresence(reader.lun()), IFD_ICC_NOT_PRESENT);
  poll(reader.lun(), kForeverMs);
  EXPECT_EQ(IFDHICCPresence(reader.lun()), IFD_ICC_PRESENT);
  EXPECT_FALSE(stopwatch.shows_a_lost_wakeup());
}

TEST(WaitEvent, AnswersEveryStopWithOneReturn) {
  const OpenReader reader(0, "virtual:");
  const StopFunction stop = stop_function(reader.lun());
  std::atomic<int> returns{0};
  const Stopwatch stopwatch;
  std::thread waiter([&reader, &returns] {
    const PollFunction poll = poll_function(reader.lun());
    for (int i = 0; i < kRounds; ++i) {
      poll(reader.lun(), kForeverMs);
      returns.fetch_add(1);
      returns.notify_one();
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    EXPECT_EQ(stop(reader.lun()), IFD_SUCCESS);
    returns.wait(i);
  }
  waiter.join();
  EXPECT_EQ(returns, kRounds);
  EXPECT_FALSE(stopwatch.shows_a_lost_wakeup());
}

TEST(WaitEvent, MissesNoInsertionAndNoRemoval) {
  const OpenReader reader(0, "virtual:card=none");
  std::atomic<int> seen{0};
  const Stopwatch stopwatch;
  std::thread watcher([&reader, &seen] {
    const PollFunction poll = poll_function(reader.lun());
    bool is_present = false;
    while (seen.load() < kRounds) {
      const bool now = IFDHICCPresence(reader.lun()) == IFD_ICC_PRESENT;
      if (now != is_present) {
        is_present = now;
        seen.fetch_add(1);
        seen.notify_one();
      } else {
        poll(reader.lun(), kForeverMs);
      }
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    reader.change(i % 2 == 0 ? "insert 0" : "remove 0");
    seen.wait(i);
  }
  watcher.join();
  EXPECT_EQ(seen, kRounds);
  EXPECT_FALSE(stopwatch.shows_a_lost_wakeup());
}

TEST(WaitEvent, IsPerSlot) {
  const OpenReader reader(0, "virtual:slots=2", 2);
  reader.change("remove 1");
  const auto start = std::chrono::steady_clock::now();
  poll_function(reader.lun(0))(reader.lun(0), 20);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(20));
  const Stopwatch stopwatch;
  poll_function(reader.lun(1))(reader.lun(1), kForeverMs);
  EXPECT_FALSE(stopwatch.shows_a_lost_wakeup());
}

TEST(WaitEvent, EndsWhenItsChannelIsClosed) {
  for (int round = 0; round < 100; ++round) {
    std::future<void> waiter;
    const Stopwatch stopwatch;
    {
      const OpenReader reader(0, "virtual:");
      std::promise<void> started;
      waiter = std::async(std::launch::async,
                          [&started, lun = reader.lun(), poll = poll_function(reader.lun())] {
                            started.set_value();
                            poll(lun, kForeverMs);
                          });
      started.get_future().wait();
    }
    waiter.get();
    ASSERT_FALSE(stopwatch.shows_a_lost_wakeup());
  }
}

TEST(WaitEvent, IsNotOfferedWhenTheHostShallPoll) {
  const OpenReader reader(0, "virtual:poll=timer");
  EXPECT_EQ(capability(reader.lun(), TAG_IFD_POLLING_THREAD_WITH_TIMEOUT).rv, IFD_ERROR_TAG);
  EXPECT_EQ(capability(reader.lun(), TAG_IFD_POLLING_THREAD_WITH_TIMEOUT).length, 0U);
  EXPECT_EQ(capability(reader.lun(), TAG_IFD_STOP_POLLING_THREAD).rv, IFD_ERROR_TAG);
}

}  // namespace
}  // namespace cardea::virtual_reader
