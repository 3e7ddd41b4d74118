#include "drivers/driver_text.hpp"

#include <gtest/gtest.h>

namespace cardea {
namespace {

TEST(DriverText, HidesBytesHoweverTheyAreWritten) {
  for (const char* pin : {"31 32 33 34", "31:32:33:34", "31-32-33-34", "31, 32, 33, 34",
                          "0x31 0x32 0x33 0x34", "0x31,0x32,0x33,0x34", "31h 32h 33h 34h",
                          "31323334 35", "3132 3334", "31  32\n33\t34", "31.32.33.34"}) {
    const std::string text = without_dumps(std::string("sent ") + pin + " to the card");
    const bool five = std::string_view(pin) == "31323334 35";
    EXPECT_EQ(text, std::string("sent ") + (five ? "(5" : "(4") + " bytes, not shown) to the card");
  }
}

TEST(DriverText, HidesLongNumbersInOneWord) {
  EXPECT_EQ(without_dumps("-> 00200081043132333 4"), "-> 00200081043132333 4") << "half a byte";
  EXPECT_EQ(without_dumps("-> 002000810431323334"), "-> (9 bytes, not shown)");
  EXPECT_EQ(without_dumps("0x0020008104"), "(5 bytes, not shown)");
  EXPECT_EQ(without_dumps("cmd=00 20 00 81 04 31 32 33 34;"), "cmd=(9 bytes, not shown);");
}

TEST(DriverText, LeavesWordsAndNumbersAlone) {
  for (const char* text :
       {"", "error 0x80100017", "took 10 20 ms", "usb:08e6/3437:libudev:0:/dev/bus/usb/002/012",
        "ifdhandler.c:123:IFDHPowerICC() action: PowerUp", "at 18:34:07", "bad_face deed",
        "ATR is 26 bytes", "slot 00, SW=90 00", "10203040x", "_31 32 33"}) {
    EXPECT_EQ(without_dumps(text), text);
  }
}

TEST(DriverText, HidesEachOfSeveralRuns) {
  EXPECT_EQ(without_dumps("a 01 02 03 04 b 05 06 07 08 09"),
            "a (4 bytes, not shown) b (5 bytes, not shown)");
}

}  // namespace
}  // namespace cardea
