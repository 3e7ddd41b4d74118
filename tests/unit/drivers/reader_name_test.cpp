#include "drivers/reader_name.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cardea {
namespace {

TEST(ReaderName, EndsWithNumberAndSlotInUpperCaseHexadecimal) {
  EXPECT_EQ(reader_name("Virtual PCD", "", 0, 0), "Virtual PCD 00 00");
  EXPECT_EQ(reader_name("Virtual PCD", "", 0, 1), "Virtual PCD 00 01");
  EXPECT_EQ(reader_name("Acme One [Contact] (SER1)", "", 0x1A, 0xFE),
            "Acme One [Contact] (SER1) 1A FE");
  EXPECT_EQ(reader_name("", "", 0, 0), " 00 00");
}

TEST(ReaderName, PutsTheExtensionBeforeTheDigits) {
  EXPECT_EQ(reader_name("Acme One [Contact] (SER1)", " @host", 0, 0),
            "Acme One [Contact] (SER1) @host 00 00");
}

TEST(ReaderName, CutsLongNamesButNeverTheDigits) {
  const std::string base =
      std::string(60, 'L') + " [" + std::string(40, 'I') + "] (" + std::string(40, 'S') + ")";
  const std::string kept =
      std::string(60, 'L') + " [" + std::string(40, 'I') + "] (" + std::string(16, 'S');
  EXPECT_EQ(reader_name(base, "", 4, 0), kept + " 04 00");
  EXPECT_EQ(reader_name(base, "", 4, 0).size(), kReaderNameBytesMax);
  EXPECT_EQ(reader_name(base, "@host", 4, 0), kept.substr(0, 116) + "@host 04 00");
  EXPECT_EQ(reader_name("Base", std::string(500, 'e'), 4, 0), std::string(121, 'e') + " 04 00");
}

struct NumberRow {
  const char* why;
  std::vector<LibraryReader> others;
  std::optional<unsigned> number;
};

TEST(ReaderNumber, IsTheLowestFreeAmongThoseThatCount) {
  const std::vector<NumberRow> rows{
      {"first reader of its library", {}, 0},
      {"a library that serves many", {{0, false, 200}, {1, false, 200}}, 2},
      {"a gap left by an unplugged reader", {{0, true, 200}, {2, true, 200}, {3, true, 200}}, 1},
      {"numbers in any order", {{1, false, 16}, {0, false, 16}}, 2},
      {"reader.conf without simultaneous access: all are 0", {{0, false, 1}}, 0},
      {"USB at another port counts, but one is all the handler serves",
       {{0, true, 1}},
       std::nullopt},
      {"the handler's limit is reached", {{0, false, 2}, {1, false, 2}}, std::nullopt},
      {"one below the limit", {{0, false, 2}}, 1},
      {"only those that count take numbers", {{0, false, 1}, {1, false, 4}}, 0},
  };
  for (const NumberRow& row : rows)
    EXPECT_EQ(free_reader_number(row.others), row.number) << row.why;
}

TEST(ReaderNumber, EndsWhereTheDigitsEnd) {
  std::vector<LibraryReader> others;
  for (unsigned i = 0; i <= kReaderNumberMax; ++i) others.push_back({i, false, 1000});
  EXPECT_EQ(free_reader_number(others), std::nullopt);
}

TEST(ReaderNumber, MovesOnInTheNameIfTheNameIsTaken) {
  const std::vector<std::string> names{"R 00 00", "R 00 01", "R 02 00", "R 1 00 00"};
  EXPECT_EQ(unique_name_number("S", "", 0, names), 0u);
  EXPECT_EQ(unique_name_number("R", "", 0, names), 1u);
  EXPECT_EQ(unique_name_number("R", "", 2, names), 3u);
  EXPECT_EQ(unique_name_number("R", " 1", 0, names), 1u) << "the extension is part of the name";
}

TEST(ReaderNumber, ComparesNamesAsTheyAreShown) {
  const std::string base(130, 'n');
  const std::vector<std::string> names{reader_name(base, "", 0, 0)};
  EXPECT_EQ(unique_name_number(base + "different behind the cut", "", 0, names), 1u);
}

TEST(ReaderNumber, GivesUpWhenEveryNameIsTaken) {
  std::vector<std::string> names;
  for (unsigned i = 0; i <= kReaderNumberMax; ++i) names.push_back(reader_name("R", "", i, 0));
  EXPECT_EQ(unique_name_number("R", "", 0, names), std::nullopt);
}

TEST(ReaderNumber, IsTheUpperHalfOfTheLun) {
  EXPECT_EQ(make_lun(0, 0), 0u);
  EXPECT_EQ(make_lun(0x1A, 3), 0x001A0003u);
}

}  // namespace
}  // namespace cardea
