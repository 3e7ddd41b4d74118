// T=1 against a card model with random sizes and random damage: a command comes through unchanged
// or fails, within a bounded number of blocks.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <vector>

#include "drivers/ccid/t1_protocol.hpp"
#include "tests/unit/drivers/ccid/t1_card.hpp"

namespace cardea::ccid {
namespace {

constexpr unsigned kBlocksMax = 50'000;

struct World {
  bool uses_crc = *rc::gen::arbitrary<bool>();
  std::uint8_t ifsc = *rc::gen::inRange<std::uint8_t>(1, 255);
  std::uint8_t ifsd = *rc::gen::inRange<std::uint8_t>(1, 255);
  Bytes command = *rc::gen::container<Bytes>(*rc::gen::inRange<std::size_t>(1, 700),
                                             rc::gen::arbitrary<std::uint8_t>());
  Bytes response = *rc::gen::container<Bytes>(*rc::gen::inRange<std::size_t>(2, 700),
                                              rc::gen::arbitrary<std::uint8_t>());
};

T1Fault fault_of(unsigned number) { return static_cast<T1Fault>(number); }

/// True if the command came through.
bool run(const World& world, const T1Card::Faults& faults) {
  T1Card card(world.uses_crc, world.ifsc, [&world](ByteView command) {
    RC_ASSERT(std::ranges::equal(command, world.command));
    return world.response;
  });
  T1Protocol protocol(T1Settings{world.uses_crc, world.ifsc, 259});
  RC_ASSERT(protocol.negotiate_ifsd(world.ifsd, card.link()).has_value());
  card.set_faults(faults);
  bool came_through = true;
  for (unsigned round = 0; round < 3 && came_through; ++round) {
    const IfdResult<Bytes> response = protocol.transceive(world.command, card.link());
    came_through = response.has_value();
    if (came_through) {
      RC_ASSERT(*response == world.response);
    } else {
      RC_ASSERT(response.error() == IFD_COMMUNICATION_ERROR);
    }
  }
  RC_ASSERT(card.blocks() < kBlocksMax);
  RC_ASSERT(!card.was_overrun());
  return came_through;
}

TEST(T1Property, AnyCommandComesThroughAnUndisturbedLine) {
  EXPECT_TRUE(rc::check([] {
    const World world;
    RC_ASSERT(run(world, [](unsigned) { return T1Fault::none; }));
  }));
}

TEST(T1Property, SingleFaultsAreAlwaysRepaired) {
  EXPECT_TRUE(rc::check([] {
    const World world;
    const unsigned distance = *rc::gen::inRange(4U, 12U);
    const std::vector<unsigned> kinds =
        *rc::gen::container<std::vector<unsigned>>(8, rc::gen::inRange(0U, 8U));
    RC_ASSERT(run(world, [&](unsigned block) {
      return block % distance == 0 ? fault_of(kinds[block / distance % 8]) : T1Fault::none;
    }));
  }));
}

TEST(T1Property, WhateverIsDamagedTheResponseIsRightOrThereIsAnError) {
  EXPECT_TRUE(rc::check([] {
    const World world;
    const unsigned quiet = *rc::gen::inRange(1U, 40U);
    const auto faults = *rc::gen::container<std::vector<unsigned>>(
        256, rc::gen::map(rc::gen::inRange(0U, 8U + quiet),
                          [](unsigned number) { return number < 8 ? number : 0U; }));
    const bool came_through =
        run(world, [&](unsigned block) { return fault_of(faults[block % faults.size()]); });
    RC_CLASSIFY(came_through);
  }));
}

}  // namespace
}  // namespace cardea::ccid
