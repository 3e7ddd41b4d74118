#include "libpcsclite/reader_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "fake_daemon.hpp"

namespace cardea {
namespace {

using test::operator+;

TEST(ReaderTable, ListsNamesInSlotOrderWithoutEmptySlots) {
  ReaderTable table;
  ASSERT_TRUE(table.assign(test::to_bytes(test::slot("B", wire::kStateAbsent)) +
                           test::to_bytes(wire::ReaderState{}) +
                           test::to_bytes(test::slot("A", wire::kStatePresent))));
  EXPECT_EQ(multi_string(table.names()), std::string("B\0A\0\0", 5));
  ASSERT_NE(table.find("A"), nullptr);
  EXPECT_EQ(table.find("A")->atr_bytes, 3u);
  EXPECT_EQ(table.find("a"), nullptr);
}

TEST(ReaderTable, OfNoReadersIsOneNul) {
  ReaderTable table;
  ASSERT_TRUE(table.assign({}));
  EXPECT_EQ(multi_string(table.names()), std::string("\0", 1));
}

TEST(ReaderTable, RefusesAnAtrThatCannotBe) {
  wire::ReaderState slot = test::slot("Reader", wire::kStatePresent);
  slot.atr_bytes = 34;
  ReaderTable table;
  EXPECT_FALSE(table.assign(test::to_bytes(slot)));
  EXPECT_TRUE(table.names().empty());
}

TEST(ReaderTable, DoesNotMindWhatUnusedSlotsSay) {
  wire::ReaderState slot{};
  slot.atr_bytes = 34;
  ReaderTable table;
  EXPECT_TRUE(table.assign(test::to_bytes(slot)));
}

TEST(ReaderTable, CopesWithANameWithoutItsNul) {
  wire::ReaderState slot{};
  std::memset(slot.name, 'x', sizeof slot.name);
  ReaderTable table;
  ASSERT_TRUE(table.assign(test::to_bytes(slot)));
  EXPECT_EQ(table.names().front(), std::string(128, 'x'));
}

}  // namespace
}  // namespace cardea
