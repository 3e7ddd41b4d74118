// The turns of one client that shares a card with others, each of them a process of its own with
// whatever library it likes: fairness.py starts them and puts their turns together.
#include <cstdio>
#include <vector>

#include "bench/measurements.hpp"
#include "bench/samples.hpp"

namespace cardea::bench {
namespace {

struct Turn {
  Nanoseconds begin_call;
  Nanoseconds begin_return;
  Nanoseconds end_call;
};

constexpr std::size_t kTurnsMax = 1'000'000;

}  // namespace

void measure_turns(const Options& options) {
  const auto session = make_session(options);
  session->establish();
  session->connect();
  std::puts("ready");
  std::fflush(stdout);
  if (std::getchar() == EOF) fail("nobody said go");
  std::vector<Turn> turns;
  const Nanoseconds deadline = now_ns() + static_cast<Nanoseconds>(options.seconds * 1e9);
  while (now_ns() < deadline && turns.size() < kTurnsMax) {
    Turn turn{};
    turn.begin_call = now_ns();
    session->begin();
    turn.begin_return = now_ns();
    session->keep_busy(static_cast<unsigned>(options.hold_ms));
    turn.end_call = now_ns();
    session->end();
    turns.push_back(turn);
  }
  session->disconnect();
  session->release();
  for (const Turn& turn : turns) {
    std::printf("%lld %lld %lld\n", static_cast<long long>(turn.begin_call),
                static_cast<long long>(turn.begin_return), static_cast<long long>(turn.end_call));
  }
}

}  // namespace cardea::bench
