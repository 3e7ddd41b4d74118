// What of a command is hidden: a table of commands, and properties of all that a generator makes.
#include "base/apdu_mask.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace cardea {
namespace {

using Bytes = std::vector<unsigned char>;

/// "00 20 00 81": also without the blanks.
Bytes bytes(const std::string& hex) {
  Bytes result;
  std::string digits;
  std::ranges::copy_if(hex, std::back_inserter(digits), [](char c) { return c != ' '; });
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    result.push_back(static_cast<unsigned char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return result;
}

std::string apdu(const std::string& hex) {
  const Bytes command = bytes(hex);
  return masked_hex(command, secret_of_apdu(command), 1000);
}

std::string control(int feature, const std::string& hex) {
  const Bytes block = bytes(hex);
  return masked_hex(block, secret_of_control(static_cast<std::uint8_t>(feature), block), 1000);
}

struct Case {
  const char* command;
  const char* shown;
};

TEST(ApduMask, HidesTheDataFieldOfPinCommands) {
  for (const auto& [command, shown] : {
           Case{"00 20 00 81 04 31 32 33 34", "00 20 00 81 04 ** ** ** **"},
           Case{"00 21 00 81 04 31 32 33 34", "00 21 00 81 04 ** ** ** **"},
           Case{"00 24 00 81 02 31 32", "00 24 00 81 02 ** **"},
           Case{"00 25 01 81 02 31 32", "00 25 01 81 02 ** **"},
           Case{"00 26 00 81 02 31 32", "00 26 00 81 02 ** **"},
           Case{"00 28 00 81 02 31 32", "00 28 00 81 02 ** **"},
           Case{"00 2C 00 81 02 31 32", "00 2C 00 81 02 ** **"},
           Case{"00 2D 02 81 02 31 32", "00 2D 02 81 02 ** **"},
           Case{"00 2E 00 00 02 31 32", "00 2E 00 00 02 ** **"},
           Case{"00 86 00 00 02 7C 00", "00 86 00 00 02 ** **"},
           Case{"10 87 00 00 02 7C 00 00", "10 87 00 00 02 ** ** 00"},
           Case{"A0 C2 00 00 02 31 32", "A0 C2 00 00 02 ** **"},
           Case{"00 DA 00 D3 02 31 32", "00 DA 00 D3 02 ** **"},
           Case{"FF 82 00 00 02 31 32", "FF 82 00 00 02 ** **"},
       }) {
    EXPECT_EQ(apdu(command), shown);
  }
}

TEST(ApduMask, DoesNotMindTheClass) {
  for (const char* cla : {"00", "01", "0C", "10", "80", "84", "A0", "B1", "FE", "FF"}) {
    const std::string head = std::string(cla) + " 20 00 01 02";
    EXPECT_EQ(apdu(head + " 31 32"), head + " ** **");
  }
}

TEST(ApduMask, KnowsExtendedLengths) {
  EXPECT_EQ(apdu("00 20 00 81 00 00 02 31 32"), "00 20 00 81 00 00 02 ** **");
  EXPECT_EQ(apdu("00 20 00 81 00 00 02 31 32 00 00"), "00 20 00 81 00 00 02 ** ** 00 00");
  EXPECT_EQ(apdu("00 20 00 81 00 00 03 31 32"), "00 20 00 81 ** ** ** ** **");
  EXPECT_EQ(apdu("00 20 00 81 00 00 00 31 32"), "00 20 00 81 ** ** ** ** **");
  EXPECT_EQ(apdu("00 20 00 81 00 31 32"), "00 20 00 81 00 ** **");
}

TEST(ApduMask, ShowsALeOnlyIfItIsZero) {
  EXPECT_EQ(apdu("00 20 00 81 02 31 32 00"), "00 20 00 81 02 ** ** 00");
  EXPECT_EQ(apdu("00 20 00 81 02 31 32 33"), "00 20 00 81 02 ** ** **");
  EXPECT_EQ(apdu("00 20 00 81 02 31 32 00 00 00"), "00 20 00 81 02 ** ** ** ** **");
}

TEST(ApduMask, HidesAllBehindAHeaderThatLies) {
  EXPECT_EQ(apdu("00 20 00 81 31 32 33 34"), "00 20 00 81 ** ** ** **");
  EXPECT_EQ(apdu("00 20 00 81 08 31 32"), "00 20 00 81 ** ** **");
}

TEST(ApduMask, ShowsWhatHasNoData) {
  for (const char* command : {"", "00", "00 20", "00 20 00", "00 20 00 81", "00 20 00 81 00"}) {
    EXPECT_EQ(apdu(command), command);
  }
}

TEST(ApduMask, ShowsOtherCommands) {
  for (const char* command :
       {"00 A4 04 00 02 A0 00", "00 22 41 B6 03 83 01 84", "00 2A 9E 9A 02 31 32",
        "00 82 00 00 02 31 32", "00 DA 00 D4 02 31 32", "00 B0 00 00 00"}) {
    EXPECT_EQ(apdu(command), command);
  }
}

TEST(ApduMask, HidesTheCommandInAPinStructure) {
  // 15 bytes, ulDataLength, abData: header and room for the PIN.
  const std::string verify = "1E 1E 82 08 00 08 04 02 01 09 04 00 00 00 00 ";
  EXPECT_EQ(control(0x06, verify + "07 00 00 00 00 20 00 81 02 31 32"),
            verify + "07 00 00 00 00 20 00 81 ** ** **");
  EXPECT_EQ(control(0x06, verify + "00 00 00 07 00 20 00 81 02 31 32"),
            verify + "00 00 00 07 00 20 00 81 ** ** **");
  EXPECT_EQ(control(0, verify + "07 00 00 00 00 20 00 81 02 31 32"),
            verify + "07 00 00 00 00 20 00 81 ** ** **");
  const std::string modify = "1E 1E 82 08 00 00 08 08 04 01 02 03 01 09 04 00 00 00 00 00 ";
  EXPECT_EQ(control(0x07, modify + "06 00 00 00 00 24 00 81 31 32"),
            modify + "06 00 00 00 00 24 00 81 ** **");
  EXPECT_EQ(control(0, modify + "06 00 00 00 00 24 00 81 31 32"),
            modify + "06 00 00 00 00 24 00 81 ** **");
}

TEST(ApduMask, HidesWholePinStructuresOfAnotherForm) {
  EXPECT_EQ(control(0x06, "31 32 33"), "** ** **");
  EXPECT_EQ(control(0x07, "31 32 33"), "** ** **");
  EXPECT_EQ(control(0x0D, "31 32 33"), "** ** **");
}

TEST(ApduMask, HidesWhatOtherPinFeaturesCarry) {
  EXPECT_EQ(control(0x08, "20 18 01 00 02 52 00"), "20 18 01 00 ** ** **");
  EXPECT_EQ(control(0x09, "01 02 05 00 00 20 00 81 01"), "01 02 05 00 ** ** ** ** **");
  EXPECT_EQ(control(0x20, "02 05 00 03 31 32 33 34"), "02 05 00 ** ** ** ** **");
}

TEST(ApduMask, LooksIntoEscapedCcidMessages) {
  EXPECT_EQ(control(0x13, "69 03 00 00 00 00 01 00 00 00 00 31 32"),
            "69 03 00 00 00 00 01 00 00 00 ** ** **");
  EXPECT_EQ(control(0, "6F 07 00 00 00 00 01 00 00 00 00 20 00 81 02 31 32"),
            "6F 07 00 00 00 00 01 00 00 00 00 20 00 81 02 ** **");
  EXPECT_EQ(control(0, "6F 05 00 00 00 00 01 00 00 00 00 A4 04 00 00"),
            "6F 05 00 00 00 00 01 00 00 00 00 A4 04 00 00");
  EXPECT_EQ(control(0, "00 20 00 81 02 31 32"), "00 20 00 81 02 ** **");
  EXPECT_EQ(control(0, "FF 00 48 00 00"), "FF 00 48 00 00");
  EXPECT_EQ(control(0, ""), "");
}

TEST(ApduMask, LeavesOutWhatIsBeyondTheLimit) {
  const Bytes command = bytes("00 20 00 81 02 31 32");
  EXPECT_EQ(masked_hex(command, secret_of_apdu(command), 6), "00 20 00 81 02 **");
  EXPECT_EQ(masked_hex(command, {}, 0), "");
}

/// Whatever the class, instruction, form and length: a PIN that is put into a command does not
/// come out.
TEST(ApduMask, NeverShowsAPinWhereverItStandsBehindTheHeader) {
  std::mt19937 random(20261121);
  auto number = [&](unsigned below) { return static_cast<unsigned>(random() % below); };
  constexpr unsigned char kInstructions[] = {0x20, 0x21, 0x24, 0x25, 0x26, 0x28,
                                             0x2C, 0x2D, 0x2E, 0x86, 0x87, 0xC2};
  const Bytes pin = bytes("F7 F8 F9 FA FB");
  for (int round = 0; round < 20000; ++round) {
    Bytes command{static_cast<unsigned char>(number(256)),
                  kInstructions[number(std::size(kInstructions))], 0, 0x81};
    const unsigned filler = number(4);
    const auto length = static_cast<unsigned char>(pin.size() + filler);
    switch (number(4)) {
      case 0:
        command.push_back(length);
        break;
      case 1:
        command.insert(command.end(), {0, 0, length});
        break;
      case 2:
        command.push_back(static_cast<unsigned char>(number(256)));  // a wrong length
        break;
      default:
        break;  // none
    }
    command.insert(command.end(), filler, 0);
    command.insert(command.end(), pin.begin(), pin.end());
    command.insert(command.end(), number(4), 0);
    const SecretRange secret = secret_of_apdu(command);
    ASSERT_LE(secret.begin, secret.end);
    ASSERT_LE(secret.end, command.size());
    const std::string shown = masked_hex(command, secret, command.size());
    ASSERT_EQ(shown.find('F', 3), std::string::npos) << masked_hex(command, {}, 100) << "\n"
                                                     << shown;
    ASSERT_EQ(shown.substr(0, 11), masked_hex(command, {}, 4));
  }
}

TEST(ApduMask, StaysInsideAnyBlock) {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    Bytes block(random() % 40);
    std::ranges::generate(block, [&] { return static_cast<unsigned char>(random() % 40); });
    const auto feature = static_cast<std::uint8_t>(random() % 0x22);
    for (const SecretRange secret : {secret_of_control(feature, block), secret_of_apdu(block)}) {
      ASSERT_LE(secret.begin, secret.end);
      ASSERT_LE(secret.end, block.size());
    }
  }
}

}  // namespace
}  // namespace cardea
