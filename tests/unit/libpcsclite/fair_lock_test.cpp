#include "libpcsclite/fair_lock.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace cardea {
namespace {

TEST(FairLock, IsGrantedInOrderOfArrival) {
  constexpr int kThreads = 8;
  FairLock lock;
  std::vector<int> order;
  std::vector<std::thread> threads;
  lock.lock();
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&lock, &order, i] {
      lock.lock();
      order.push_back(i);
      lock.unlock();
    });
    while (lock.waiters_for_test() != static_cast<std::size_t>(i) + 1) std::this_thread::yield();
  }
  lock.unlock();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(FairLock, CannotBeRetakenBeforeTheWaiterHadIt) {
  FairLock lock;
  bool waiter_had_it = false;
  lock.lock();
  std::thread waiter([&] {
    lock.lock();
    waiter_had_it = true;
    lock.unlock();
  });
  while (lock.waiters_for_test() != 1) std::this_thread::yield();
  lock.unlock();
  lock.lock();
  EXPECT_TRUE(waiter_had_it);
  lock.unlock();
  waiter.join();
}

}  // namespace
}  // namespace cardea
