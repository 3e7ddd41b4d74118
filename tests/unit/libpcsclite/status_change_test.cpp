#include "libpcsclite/status_change.hpp"

#include <gtest/gtest.h>
#include <pcsclite.h>

#include <string>

#include "fake_daemon.hpp"

namespace cardea {
namespace {

constexpr std::uint32_t kAbsent = wire::kStateAbsent;
constexpr std::uint32_t kPresent = wire::kStatePresent | wire::kStatePowered;
constexpr std::uint32_t kMute = wire::kStatePresent | wire::kStateSwallowed;
constexpr std::uint32_t kCounter = 0x00050000;  // what the fake's slots have counted

struct Row {
  const char* what;
  std::uint32_t current;
  std::uint32_t state;
  std::int32_t sharing;
  std::uint32_t expected;  // without the counter and CHANGED
  bool changed;
};

class ReaderEvaluation : public testing::TestWithParam<Row> {};

TEST_P(ReaderEvaluation, FollowsTheTable) {
  const Row& row = GetParam();
  const wire::ReaderState slot = test::slot("Reader", row.state, row.sharing);
  const StateEvaluation result = evaluate_reader(row.current, &slot);
  EXPECT_EQ(result.changed, row.changed);
  EXPECT_EQ(result.event_state, kCounter | row.expected | (row.changed ? SCARD_STATE_CHANGED : 0u));
  EXPECT_TRUE(result.tells_atr);
}

INSTANTIATE_TEST_SUITE_P(
    Empty, ReaderEvaluation,
    testing::Values(
        Row{"Unaware", 0, kAbsent, 0, SCARD_STATE_EMPTY, true},
        Row{"Same", SCARD_STATE_EMPTY, kAbsent, 0, SCARD_STATE_EMPTY, false},
        Row{"SlotWithoutReader", 0, 0, 0, 0, true},
        Row{"WasPresent", SCARD_STATE_PRESENT, kAbsent, 0, SCARD_STATE_EMPTY, true},
        Row{"WasUnknown", SCARD_STATE_UNKNOWN, kAbsent, 0, SCARD_STATE_EMPTY, true},
        Row{"WasUnavailable", SCARD_STATE_UNAVAILABLE, kAbsent, 0, SCARD_STATE_EMPTY, true},
        Row{"OnlyChanged", SCARD_STATE_CHANGED, kAbsent, 0, SCARD_STATE_EMPTY, false},
        Row{"WasInUse", SCARD_STATE_INUSE, kAbsent, 0, SCARD_STATE_EMPTY, true},
        Row{"WasExclusive", SCARD_STATE_EXCLUSIVE, kAbsent, 0, SCARD_STATE_EMPTY, true},
        Row{"MuteIsIgnored", SCARD_STATE_MUTE, kAbsent, 0, SCARD_STATE_EMPTY, false},
        Row{"UnpoweredIsIgnored", SCARD_STATE_UNPOWERED, kAbsent, 0, SCARD_STATE_EMPTY, false},
        Row{"OtherCounter", SCARD_STATE_EMPTY | 0x7FFF0000, kAbsent, 0, SCARD_STATE_EMPTY, true},
        Row{"SameCounter", SCARD_STATE_EMPTY | kCounter, kAbsent, 0, SCARD_STATE_EMPTY, false},
        Row{"DirectHandleIsNoUse", SCARD_STATE_EMPTY, kAbsent, 1, SCARD_STATE_EMPTY, false},
        Row{"Exclusive", SCARD_STATE_EMPTY, kAbsent, -1, SCARD_STATE_EMPTY | SCARD_STATE_EXCLUSIVE,
            false}),
    [](const auto& param) { return param.param.what; });

INSTANTIATE_TEST_SUITE_P(
    Card, ReaderEvaluation,
    testing::Values(Row{"Unaware", 0, kPresent, 0, SCARD_STATE_PRESENT, true},
                    Row{"Same", SCARD_STATE_PRESENT, kPresent, 0, SCARD_STATE_PRESENT, false},
                    Row{"WasEmpty", SCARD_STATE_EMPTY, kPresent, 0, SCARD_STATE_PRESENT, true},
                    Row{"WasMute", SCARD_STATE_PRESENT | SCARD_STATE_MUTE, kPresent, 0,
                        SCARD_STATE_PRESENT, true},
                    Row{"BecameMute", SCARD_STATE_PRESENT, kMute, 0,
                        SCARD_STATE_PRESENT | SCARD_STATE_MUTE, true},
                    Row{"StillMute", SCARD_STATE_PRESENT | SCARD_STATE_MUTE, kMute, 0,
                        SCARD_STATE_PRESENT | SCARD_STATE_MUTE, false},
                    Row{"AtrMatchIsIgnored", SCARD_STATE_PRESENT | SCARD_STATE_ATRMATCH, kPresent,
                        0, SCARD_STATE_PRESENT, false},
                    Row{"BecomingUsedIsNoEvent", SCARD_STATE_PRESENT, kPresent, 2,
                        SCARD_STATE_PRESENT | SCARD_STATE_INUSE, false},
                    Row{"StillUsed", SCARD_STATE_PRESENT | SCARD_STATE_INUSE, kPresent, 1,
                        SCARD_STATE_PRESENT | SCARD_STATE_INUSE, false},
                    Row{"NoLongerUsed", SCARD_STATE_PRESENT | SCARD_STATE_INUSE, kPresent, 0,
                        SCARD_STATE_PRESENT, true},
                    Row{"BecomingExclusiveIsNoEvent", SCARD_STATE_PRESENT, kPresent, -1,
                        SCARD_STATE_PRESENT | SCARD_STATE_EXCLUSIVE, false},
                    Row{"SharedToExclusive", SCARD_STATE_PRESENT | SCARD_STATE_INUSE, kPresent, -1,
                        SCARD_STATE_PRESENT | SCARD_STATE_EXCLUSIVE, true},
                    Row{"ExclusiveToShared", SCARD_STATE_PRESENT | SCARD_STATE_EXCLUSIVE, kPresent,
                        1, SCARD_STATE_PRESENT | SCARD_STATE_INUSE, true},
                    Row{"NoLongerExclusive", SCARD_STATE_PRESENT | SCARD_STATE_EXCLUSIVE, kPresent,
                        0, SCARD_STATE_PRESENT, true}),
    [](const auto& param) { return param.param.what; });

TEST(StatusChange, ReportsAFailingReaderAsUnavailableWithoutCounter) {
  const wire::ReaderState slot = test::slot("Reader", wire::kStateUnknown);
  const StateEvaluation was_empty = evaluate_reader(SCARD_STATE_EMPTY, &slot);
  EXPECT_EQ(was_empty.event_state, unsigned{SCARD_STATE_UNAVAILABLE | SCARD_STATE_CHANGED});
  const StateEvaluation same = evaluate_reader(SCARD_STATE_UNAVAILABLE, &slot);
  EXPECT_EQ(same.event_state, unsigned{SCARD_STATE_UNAVAILABLE});
  EXPECT_FALSE(same.changed);
  EXPECT_FALSE(same.tells_atr);
}

TEST(StatusChange, ReportsAVanishedReaderOnce) {
  const unsigned gone = SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE;
  EXPECT_EQ(evaluate_reader(SCARD_STATE_PRESENT, nullptr).event_state, gone | SCARD_STATE_CHANGED);
  EXPECT_FALSE(evaluate_reader(SCARD_STATE_UNKNOWN, nullptr).changed);
}

TEST(StatusChange, ShowsTheLowSixteenBitsOfTheCounter) {
  wire::ReaderState slot = test::slot("Reader", kAbsent);
  slot.event_counter = 0x10003;
  EXPECT_EQ(evaluate_reader(SCARD_STATE_EMPTY, &slot).event_state, 0x30000u | SCARD_STATE_EMPTY);
}

TEST(StatusChange, ComparesThePnpCounterOnlyIfTheCallerHasOne) {
  EXPECT_FALSE(evaluate_pnp(0, 7, false).changed);
  EXPECT_EQ(evaluate_pnp(0, 7, false).event_state, 0x70000u);
  EXPECT_FALSE(evaluate_pnp(0x70000, 7, false).changed);
  EXPECT_EQ(evaluate_pnp(0x60000, 7, false).event_state, 0x70000u | SCARD_STATE_CHANGED);
  EXPECT_TRUE(evaluate_pnp(0, 7, true).changed);
}

TEST(StatusChange, IgnoresAPnpCounterTheDaemonCannotCompare) {
  EXPECT_FALSE(evaluate_pnp(0x7FFF0000, 0, false).changed);
}

TEST(StatusChange, KnowsThePnpNameInAnyCase) {
  EXPECT_TRUE(is_pnp_name("\\\\?PnP?\\Notification"));
  EXPECT_TRUE(is_pnp_name("\\\\?pNp?\\NOTIFICATION"));
  EXPECT_FALSE(is_pnp_name("\\\\?PnP?\\Notification "));
  EXPECT_FALSE(is_pnp_name(""));
}

TEST(StatusChange, KnowsWhatIsCertainToReturn) {
  EXPECT_TRUE(always_changed(0));
  EXPECT_TRUE(always_changed(SCARD_STATE_UNKNOWN));
  EXPECT_FALSE(always_changed(SCARD_STATE_EMPTY));
}

}  // namespace
}  // namespace cardea
