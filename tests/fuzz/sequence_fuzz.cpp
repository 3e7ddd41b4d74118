// Whatever many clients, cards, readers and drivers do, in any order, with time passing in between:
// at the end nothing is left of anybody and every reader serves a newcomer. The input's bytes make
// the decisions of the simulated world (tests/sim/world.hpp), which keeps its own book meanwhile.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.hpp"
#include "tests/sim/world.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cardea::core;
  World world(Entropy(std::span(data, size)));
  while (!world.is_over() && !testing::Test::HasFailure()) world.step();
  world.drain();
  CARDEA_ASSERT(!testing::Test::HasFailure());  // GoogleTest has printed what is wrong
  return 0;
}
