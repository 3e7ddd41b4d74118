#include "drivers/virtual/slot.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "drivers/virtual/hello_card.hpp"
#include "drivers/virtual/mute_card.hpp"
#include "tests/unit/drivers/virtual/test_host.hpp"

namespace cardea::virtual_reader {
namespace {

/// Answers to reset with whatever it is given.
class AtrCard final : public VirtualCard {
 public:
  explicit AtrCard(Bytes atr) : atr_(std::move(atr)) {}
  [[nodiscard]] std::string_view kind() const noexcept override { return "atr"; }
  [[nodiscard]] Bytes atr() const override { return atr_; }
  RESPONSECODE power_up() override { return IFD_SUCCESS; }
  RESPONSECODE reset() override { return IFD_SUCCESS; }
  void power_down() override { ++power_downs; }
  RESPONSECODE transmit(ByteView, Bytes&) override { return IFD_RESPONSE_TIMEOUT; }
  void remove() noexcept override { ++removals; }

  int power_downs = 0;
  int removals = 0;

 private:
  const Bytes atr_;
};

std::shared_ptr<VirtualCard> hello() { return std::make_shared<HelloCard>(AtrKind::t01); }

TEST(Slot, HoldsOneCardAtATime) {
  Slot slot;
  EXPECT_FALSE(slot.remove());
  EXPECT_TRUE(slot.insert(hello()));
  EXPECT_FALSE(slot.insert(hello()));
  EXPECT_TRUE(slot.remove());
  EXPECT_FALSE(slot.remove());
}

TEST(Slot, RemovesOnlyTheCardItIsTold) {
  Slot slot;
  const auto first = std::make_shared<AtrCard>(from_hex("3B00"));
  const auto second = std::make_shared<AtrCard>(from_hex("3B00"));
  ASSERT_TRUE(slot.insert(first));
  EXPECT_FALSE(slot.remove(*second));
  EXPECT_EQ(second->removals, 0);
  EXPECT_TRUE(slot.remove(*first));
  EXPECT_EQ(first->removals, 1);
}

TEST(Slot, ReportsASwappedCardAbsentOnce) {
  for (const bool unseen : {false, true}) {
    Slot slot;
    slot.open();
    ASSERT_TRUE(slot.insert(hello()));
    EXPECT_EQ(slot.presence(), IFD_ICC_PRESENT);
    ASSERT_TRUE(slot.remove(unseen));
    ASSERT_TRUE(slot.insert(hello()));
    Bytes response;
    EXPECT_EQ(slot.transmit(from_hex("80400000"), response), IFD_ICC_NOT_PRESENT);
    EXPECT_EQ(slot.presence(), IFD_ICC_NOT_PRESENT) << unseen;
    EXPECT_EQ(slot.presence(), IFD_ICC_PRESENT) << unseen;
  }
}

TEST(Slot, DoesNotAnnounceACardThatGoesUnseen) {
  Slot slot;
  slot.open();
  ASSERT_TRUE(slot.insert(hello()));
  slot.wait_event(milliseconds{0});  // the insertion has been told
  EXPECT_EQ(slot.presence(), IFD_ICC_PRESENT);
  ASSERT_TRUE(slot.remove(/*unseen=*/true));
  const TimePoint began = Clock::now();
  slot.wait_event(milliseconds{30});
  EXPECT_GE(Clock::now() - began, milliseconds{30}) << "the wait ended by an event";
  EXPECT_EQ(slot.presence(), IFD_ICC_NOT_PRESENT);
}

TEST(Slot, ReportsACardNobodySawGoLikeAnyOther) {
  Slot slot;
  slot.open();
  ASSERT_TRUE(slot.insert(hello()));
  ASSERT_TRUE(slot.remove());
  ASSERT_TRUE(slot.insert(hello()));
  EXPECT_EQ(slot.presence(), IFD_ICC_PRESENT);
}

TEST(Slot, RefusesAnAtrThatIsNone) {
  for (const std::size_t length : {0U, 1U, 34U, 64U}) {
    Slot slot;
    ASSERT_TRUE(slot.insert(std::make_shared<AtrCard>(Bytes(length, 0x3B))));
    Bytes atr = {1};
    EXPECT_EQ(slot.power(IFD_POWER_UP, atr), IFD_ERROR_POWER_ACTION) << length;
    EXPECT_TRUE(atr.empty());
  }
}

TEST(Slot, PassesOnAnAtrOfAllLengths) {
  for (const std::size_t length : {2U, 33U}) {
    Slot slot;
    ASSERT_TRUE(slot.insert(std::make_shared<AtrCard>(Bytes(length, 0x3B))));
    Bytes atr;
    EXPECT_EQ(slot.power(IFD_RESET, atr), IFD_SUCCESS) << length;
    EXPECT_EQ(atr, Bytes(length, 0x3B));
  }
}

TEST(Slot, PowersDownOnlyACardWithPower) {
  Slot slot;
  const auto card = std::make_shared<AtrCard>(from_hex("3B00"));
  ASSERT_TRUE(slot.insert(card));
  Bytes atr;
  EXPECT_EQ(slot.power(IFD_POWER_DOWN, atr), IFD_SUCCESS);
  EXPECT_EQ(card->power_downs, 0);
  EXPECT_EQ(slot.power(IFD_POWER_UP, atr), IFD_SUCCESS);
  EXPECT_EQ(slot.power(IFD_POWER_DOWN, atr), IFD_SUCCESS);
  EXPECT_EQ(slot.power(IFD_POWER_DOWN, atr), IFD_SUCCESS);
  EXPECT_EQ(card->power_downs, 1);
  EXPECT_FALSE(slot.status().powered);
}

TEST(Slot, PassesOnWhatTheCardFailsWith) {
  Slot slot;
  ASSERT_TRUE(slot.insert(std::make_shared<AtrCard>(from_hex("3B00"))));
  Bytes bytes;
  ASSERT_EQ(slot.power(IFD_POWER_UP, bytes), IFD_SUCCESS);
  EXPECT_EQ(slot.transmit(from_hex("80400000"), bytes), IFD_RESPONSE_TIMEOUT);
  EXPECT_TRUE(bytes.empty());
}

TEST(Slot, ShowsWhatIsInIt) {
  Slot slot;
  EXPECT_EQ(slot.status().card_kind, "");
  ASSERT_TRUE(slot.insert(std::make_shared<MuteCard>()));
  EXPECT_EQ(slot.status().card_kind, "mute");
  ASSERT_TRUE(slot.remove());
  ASSERT_TRUE(slot.insert(hello()));
  Bytes atr;
  ASSERT_EQ(slot.power(IFD_POWER_UP, atr), IFD_SUCCESS);
  ASSERT_EQ(slot.set_protocol(2), IFD_SUCCESS);
  EXPECT_TRUE(slot.status().powered);
  EXPECT_EQ(slot.status().atr, atr_of(AtrKind::t01));
  EXPECT_EQ(slot.status().protocol, 2U);
}

TEST(Slot, KeepsItsCardWhileClosed) {
  Slot slot;
  slot.open();
  ASSERT_TRUE(slot.insert(hello()));
  Bytes bytes;
  ASSERT_EQ(slot.power(IFD_POWER_UP, bytes), IFD_SUCCESS);
  slot.close();
  EXPECT_FALSE(slot.is_open());
  slot.wait_event(milliseconds(kForeverMs));  // returns at once
  slot.open();
  EXPECT_EQ(slot.presence(), IFD_ICC_PRESENT);
  EXPECT_EQ(slot.transmit(from_hex("80400000"), bytes), IFD_COMMUNICATION_ERROR);
}

}  // namespace
}  // namespace cardea::virtual_reader
