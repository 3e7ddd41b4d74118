// Many short random worlds, one after the other: after each of them every reader has to serve a
// newcomer, and nothing may be left of anybody. Ends with 1 at the first that does not, and says
// its seed. Usage: sim_sequences COUNT [FIRST_SEED]
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/sim/world.hpp"

namespace {

using cardea::core::World;

/// What one world is made of.
constexpr std::uint64_t kStepsMin = 20;
constexpr std::uint64_t kStepsSpread = 480;

struct Total {
  std::size_t steps = 0, grants = 0, deaths = 0, completions = 0, plugs = 0;
};

void run_one(std::uint64_t seed, Total& total) {
  World world(seed);
  const std::uint64_t steps = kStepsMin + seed % kStepsSpread;
  for (std::uint64_t i = 0; i < steps && !testing::Test::HasFailure(); ++i) world.step();
  total.steps += steps;
  total.grants += world.grants();
  total.deaths += world.deaths();
  total.completions += world.completions();
  total.plugs += world.plugs();
  world.drain();
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 0;
  const std::uint64_t first = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  if (count == 0) {
    std::fprintf(stderr, "usage: sim_sequences COUNT [FIRST_SEED]\n");
    return 2;
  }
  Total total;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    run_one(seed, total);
    if (testing::Test::HasFailure()) {
      std::printf("seed %llu breaks the rules\n", static_cast<unsigned long long>(seed));
      return 1;
    }
  }
  std::printf(
      "%llu sequences, 0 lock-outs: %zu steps, %zu grants, %zu deaths, %zu completions, "
      "%zu readers plugged or unplugged\n",
      static_cast<unsigned long long>(count), total.steps, total.grants, total.deaths,
      total.completions, total.plugs);
  return 0;
}
