// Runs the simulated world for fixed seeds and one from the clock. CARDEA_SIM_SEED=<number> runs
// that seed alone; CARDEA_SIM_STEPS=<number> changes the length. A failure prints its seed.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/sim/world.hpp"

namespace cardea::core {
namespace {

constexpr std::uint64_t kSteps = 10'000;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void run_world(std::uint64_t seed) {
  SCOPED_TRACE("repeat with CARDEA_SIM_SEED=" + std::to_string(seed));
  std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(seed));
  World world(seed);
  const std::uint64_t steps = from_environment("CARDEA_SIM_STEPS", kSteps);
  for (std::uint64_t i = 0; i < steps; ++i) {
    world.step();
    if (testing::Test::HasFailure()) FAIL() << "at step " << i;
  }
  if (steps >= kSteps) {
    EXPECT_GT(world.grants(), 100u) << "the world is too quiet to prove anything";
    EXPECT_GT(world.deaths(), 20u);
    EXPECT_GT(world.completions(), 20u);
    EXPECT_GT(world.plugs(), 10u);
    EXPECT_GT(world.drops(), 1u);
    EXPECT_GT(world.quota_hits(), 5u);
  }
  world.drain();
}

class Simulation : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Simulation, KeepsItsRulesInAFixedWorld) {
  if (std::getenv("CARDEA_SIM_SEED") != nullptr) GTEST_SKIP() << "one seed was asked for";
  run_world(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Seed, Simulation, testing::Range<std::uint64_t>(1, 33));

TEST(SimulationOfToday, KeepsItsRulesInANewWorld) {
  const auto today = static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
  run_world(from_environment("CARDEA_SIM_SEED", today));
}

}  // namespace
}  // namespace cardea::core
