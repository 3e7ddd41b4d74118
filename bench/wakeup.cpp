// Processes wait for a card event; the parent moves the card and each process notes when its wait
// returned. Printed are the times from the move to the first and to the last return.
#include <algorithm>
#include <thread>

#include "base/clock.hpp"
#include "bench/measurements.hpp"
#include "bench/processes.hpp"
#include "bench/samples.hpp"
#include "bench/shared_memory.hpp"

namespace cardea::bench {
namespace {

constexpr std::size_t kMovesMax = 1000;
/// Between the last return and the next move: everybody is back in the wait by then, also with
/// 100 of them on one CPU. A waiter that is late finds the card moved and returns at once.
constexpr auto kPauseBetweenMoves = milliseconds(60);
constexpr int kReturnWaitMsMax = 10'000;

struct Waiter {
  Nanoseconds returned[kMovesMax];
};

}  // namespace

void measure_wakeup(int waiters, const Options& options) {
  const auto moves = std::min(static_cast<std::size_t>(options.rounds), kMovesMax);
  SharedArray<Waiter> shared(static_cast<std::size_t>(waiters));
  const Signal returned;
  Processes processes(waiters, [&](int index, const std::function<void()>& ready_and_go) {
    const auto session = make_session(options);
    session->establish();
    session->wait_card(true);
    ready_and_go();
    for (std::size_t i = 0; i < moves; ++i) {
      session->wait_card(i % 2 == 1);
      shared[static_cast<std::size_t>(index)].returned[i] = now_ns();
      returned.raise();
    }
    session->release();
  });
  const auto mover = make_card_mover(options);
  processes.go();
  std::vector<Nanoseconds> first;
  std::vector<Nanoseconds> last;
  for (std::size_t i = 0; i < moves; ++i) {
    std::this_thread::sleep_for(kPauseBetweenMoves);  // pause: nobody tells that all wait again
    const Nanoseconds moved = now_ns();
    mover->move(i % 2 == 1);
    for (int n = 0; n < waiters; ++n) {
      if (!returned.take(kReturnWaitMsMax)) fail("a waiter missed the event");
    }
    std::vector<Nanoseconds> times;
    for (int n = 0; n < waiters; ++n) {
      times.push_back(shared[static_cast<std::size_t>(n)].returned[i] - moved);
    }
    const auto [least, most] = std::minmax_element(times.begin(), times.end());
    first.push_back(*least);
    last.push_back(*most);
  }
  if (moves % 2 == 1) mover->move(true);
  processes.join();
  JsonLine()
      .text("op", "event_wakeup")
      .count("waiters", static_cast<std::uint64_t>(waiters))
      .summary("first_", std::move(first))
      .summary("last_", std::move(last))
      .print();
}

}  // namespace cardea::bench
