#include "daemon/control/control_hub.hpp"

#include <gtest/gtest.h>
#include <poll.h>

namespace cardea {
namespace {

bool is_awake(const ControlHub& hub) {
  pollfd entry{hub.fd(), POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

TEST(ControlHub, IsSilentWhileNobodyWantsToKnow) {
  const auto hub = ControlHub::create();
  ASSERT_TRUE(hub);
  (*hub)->client_came(core::ConnId{1}, {});
  (*hub)->holder_idle("R", core::ConnId{1}, false);
  EXPECT_FALSE(is_awake(**hub));
  EXPECT_TRUE((*hub)->take().events.empty());
}

TEST(ControlHub, KeepsTheOrderAndWakesOnce) {
  const auto hub = ControlHub::create();
  ASSERT_TRUE(hub);
  (*hub)->want(true, false);
  (*hub)->client_came(core::ConnId{1}, {});
  (*hub)->client_gone(core::ConnId{1});
  EXPECT_TRUE(is_awake(**hub));
  const auto batch = (*hub)->take();
  ASSERT_EQ(batch.events.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<ClientCame>(batch.events[0].event));
  EXPECT_TRUE(std::holds_alternative<ClientGone>(batch.events[1].event));
  EXPECT_FALSE(is_awake(**hub));
}

TEST(ControlHub, CountsWhatDoesNotFit) {
  const auto hub = ControlHub::create();
  ASSERT_TRUE(hub);
  (*hub)->want(true, false);
  for (std::size_t i = 0; i < ControlHub::kEventsMax + 7; ++i) {
    (*hub)->client_gone(core::ConnId{i + 1});
  }
  const auto batch = (*hub)->take();
  EXPECT_EQ(batch.events.size(), ControlHub::kEventsMax);
  EXPECT_EQ(batch.lost, 7U);
  EXPECT_EQ((*hub)->take().lost, 0U);
}

}  // namespace
}  // namespace cardea
