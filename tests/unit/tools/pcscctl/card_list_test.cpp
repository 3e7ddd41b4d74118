#include "tools/pcscctl/card_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace cardea::ctl {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kList =
    "# a comment\n\n"
    "3B 00\n\tFirst card\n\thttps://example.org\n\n"
    "3B .. 01\n\tA kind of cards\n\n"
    "3B 02 01\r\n\tSecond\033 card\r\n";

std::vector<std::string> names(std::string_view atr) {
  std::istringstream list(kList);
  return card_names(list, atr);
}

TEST(CardList, FindsNamesOfAnAtr) {
  EXPECT_THAT(names("3B 00"), ElementsAre("First card", "https://example.org"));
  EXPECT_THAT(names("3B 02 01"), ElementsAre("A kind of cards", "Second\\x1B card"));
  EXPECT_THAT(names("3B"), IsEmpty());
  EXPECT_THAT(names("3B 00 00"), IsEmpty());
}

TEST(CardList, StopsAtTheLimit) {
  std::string text = "3B 00\n";
  for (std::size_t i = 0; i < kCardNamesMax + 3; ++i) text += "\tname\n";
  std::istringstream list(text);
  EXPECT_EQ(card_names(list, "3B 00").size(), kCardNamesMax);
}

TEST(CardList, OfNoFileIsEmpty) {
  std::istringstream list;
  list.setstate(std::ios::failbit);
  EXPECT_THAT(card_names(list, "3B 00"), IsEmpty());
}

}  // namespace
}  // namespace cardea::ctl
