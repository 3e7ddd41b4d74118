#include "drivers/reader_name.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
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

struct UsbNameRow {
  const char* why;
  std::string friendly_name;
  std::string interface_string;
  std::string serial;
  std::string by_default;
  std::string without_serial;
  std::string without_interface;
  std::string without_both;
};

// What pcscd was seen to call these devices, all of one driver library and plugged in this order.
const std::vector<UsbNameRow> kUsbNames{
    {"two interfaces", "Acme One", "Contact", "SER1", "Acme One [Contact] (SER1) 00 00",
     "Acme One [Contact] 00 00", "Acme One (SER1) 00 00", "Acme One 00 00"},
    {"two interfaces", "Acme One", "Contactless", "SER1", "Acme One [Contactless] (SER1) 01 00",
     "Acme One [Contactless] 01 00", "Acme One (SER1) 01 00", "Acme One 01 00"},
    {"no strings", "Acme One", "", "", "Acme One 02 00", "Acme One 02 00", "Acme One 02 00",
     "Acme One 02 00"},
    {"the interface string contains the serial number", "Acme Two & Co", "If_AB12 x", "AB12",
     "Acme Two & Co [If_AB12 x] 03 00", "Acme Two & Co [If_AB12 x] 03 00",
     "Acme Two & Co (AB12) 03 00", "Acme Two & Co 03 00"},
    {"too long", std::string(60, 'L'), std::string(40, 'I'), std::string(40, 'S'),
     std::string(60, 'L') + " [" + std::string(40, 'I') + "] (" + std::string(16, 'S') + " 04 00",
     std::string(60, 'L') + " [" + std::string(40, 'I') + "] 04 00",
     std::string(60, 'L') + " (" + std::string(40, 'S') + ") 04 00",
     std::string(60, 'L') + " 04 00"},
};

TEST(UsbReaderName, IsWhatPcscdWouldCallTheReader) {
  std::vector<LibraryReader> others;
  for (const UsbNameRow& row : kUsbNames) {
    const auto number = free_reader_number(others);
    ASSERT_TRUE(number.has_value());
    const auto name = [&](NameRules rules) {
      return reader_name(usb_base_name(row.friendly_name, row.interface_string, row.serial, rules),
                         "", *number, 0);
    };
    EXPECT_EQ(name({}), row.by_default) << row.why;
    EXPECT_EQ(name({true, false}), row.without_serial) << row.why;
    EXPECT_EQ(name({false, true}), row.without_interface) << row.why;
    EXPECT_EQ(name({false, false}), row.without_both) << row.why;
    others.push_back({*number, true, 200});
  }
}

TEST(UsbReaderName, StartsAtZeroForEachLibrary) {
  EXPECT_EQ(reader_name(usb_base_name("Fail Ten", "Kontakt\xC3\xA9", "TEN", {}), "",
                        *free_reader_number({}), 0),
            "Fail Ten [Kontakt..] (TEN) 00 00");
}

TEST(UsbReaderName, DiffersInTheSlotOnlyForSlotsAndHasTheExtensionBeforeTheDigits) {
  const std::string base = usb_base_name("Acme One", "Contact", "SER1", {});
  EXPECT_EQ(reader_name(base, "", 0, 1), "Acme One [Contact] (SER1) 00 01");
  EXPECT_EQ(reader_name(base, " @host", 0, 0), "Acme One [Contact] (SER1) @host 00 00");
  const std::string cut = usb_base_name(std::string(130, 'L'), "", "", {});
  EXPECT_EQ(cut, std::string(kReaderBaseNameBytesMax, 'L'));
  EXPECT_EQ(reader_name(cut, "@host", 4, 0), std::string(116, 'L') + "@host 04 00");
}

TEST(UsbReaderName, KeepsBytesAbove7fButForTheInterfaceString) {
  EXPECT_EQ(usb_base_name("\xC3\xA4", "\xC3\xA4\x7F", "\xC3\xA4x", {}),
            "\xC3\xA4 [..\x7F] (\xC3\xA4x)");
}

TEST(UsbReaderName, TellsTwoIdenticalReadersApartByTheirNumber) {
  const std::string base = usb_base_name("Acme One", "", "", {});
  std::vector<LibraryReader> others;
  std::vector<std::string> names;
  for (int i = 0; i < 2; ++i) {
    const auto number = free_reader_number(others);
    ASSERT_TRUE(number.has_value());
    EXPECT_EQ(unique_name_number(base, "", *number, names), number);
    names.push_back(reader_name(base, "", *number, 0));
    others.push_back({*number, true, 255});
  }
  EXPECT_EQ(names, (std::vector<std::string>{"Acme One 00 00", "Acme One 01 00"}));
}

struct FilterRow {
  std::string filter;
  bool ignores;
};

TEST(IgnoredReader, IsOneWhoseNameHasAPartOfTheFilter) {
  const std::vector<FilterRow> rows{{"", false},
                                    {":", false},
                                    {"::::", false},
                                    {"Acme", true},
                                    {"acme", false},
                                    {"Contact] (SER1)", true},
                                    {"Acme One [Contact] (SER1) 00 00", false},
                                    {"Beta:Acme", true},
                                    {"Beta:Acme:", true},
                                    {":Beta::[Contact]:", true},
                                    {"Beta:Gamma", false},
                                    {" ", true}};
  const std::string base = usb_base_name("Acme One", "Contact", "SER1", {});
  for (const FilterRow& row : rows)
    EXPECT_EQ(is_ignored(base, row.filter), row.ignores) << row.filter;
  EXPECT_FALSE(is_ignored("", "Acme"));
}

TEST(UsbAlias, NamesPortInterfaceSerialNumberAndSlot) {
  EXPECT_EQ(usb_alias("1-1.2:1.0", "", 0), "usb-1-1.2:1.0");
  EXPECT_EQ(usb_alias("1-1.2:1.1", "AB12", 0), "usb-1-1.2:1.1-AB12");
  EXPECT_EQ(usb_alias("1-1.2:1.1", "AB12", 1), "usb-1-1.2:1.1-AB12:slot1");
  EXPECT_EQ(usb_alias("12-3:2.10", "", 254), "usb-12-3:2.10:slot254");
}

TEST(UsbAlias, HoldsNothingThatNeedsQuotesAndIsShort) {
  EXPECT_EQ(usb_alias("1-1:1.0", "a b:c/d\"\n\xC3\xA4._-9Z", 0), "usb-1-1:1.0-a_b_c_d____._-9Z");
  const std::string serial(kUsbAliasSerialBytesMax, 's');
  EXPECT_EQ(usb_alias("1-1:1.0", serial + "tail", 0), "usb-1-1:1.0-" + serial);
}

TEST(UsbAlias, StaysWithThePortInWhateverOrderReadersCome) {
  // Four of a kind: two with the same serial number, as cheap readers have, and two without.
  struct Device {
    std::string port;
    std::string serial;
  };
  const std::vector<Device> devices{
      {"1-1", "0001"}, {"1-1.2", "0001"}, {"1-1.10", ""}, {"2-1", ""}};
  const std::vector<std::string> aliases{"usb-1-1:1.0-0001", "usb-1-1.2:1.0-0001", "usb-1-1.10:1.0",
                                         "usb-2-1:1.0"};
  std::vector<std::size_t> order{0, 1, 2, 3};
  std::set<std::string> names_of_first;
  do {
    std::vector<LibraryReader> others;
    std::vector<std::string> names;
    for (const std::size_t i : order) {
      EXPECT_EQ(usb_alias(devices[i].port + ":1.0", devices[i].serial, 0), aliases[i]);
      const unsigned number = free_reader_number(others).value();
      names.push_back(reader_name(usb_base_name("Acme", "", devices[i].serial, {}), "", number, 0));
      if (i == 0) names_of_first.insert(names.back());
      others.push_back({number, true, 255});
    }
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 4u) << "names are unique";
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_EQ(names_of_first.size(), 4u) << "names depend on the order, as with pcscd";
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
      {"USB at another port that is being opened", {{0, true, std::nullopt}}, 1},
      {"reader.conf and being opened", {{0, false, std::nullopt}}, 0},
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
