// Expected values were compared by hand with those of ATR_analysis of pcsc-tools.
#include "tools/pcscctl/atr_analysis.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/pcscctl/atr_history.hpp"

namespace cardea::ctl {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

AtrAnalysis analyse(std::string_view text) {
  const auto bytes = parse_atr(text);
  EXPECT_TRUE(bytes) << text;
  return analyse_atr(bytes.value_or(std::vector<std::uint8_t>{}));
}

std::string part(const std::vector<AtrPart>& parts, const std::string& name) {
  for (const AtrPart& one : parts) {
    if (one.name == name) return one.text;
  }
  return "(none)";
}

TEST(ParseAtr, TakesWhatPeoplePaste) {
  const std::vector<std::uint8_t> expected{0x3B, 0x80, 0xFF};
  EXPECT_EQ(parse_atr("3B80FF"), expected);
  EXPECT_EQ(parse_atr("3b:80:ff"), expected);
  EXPECT_EQ(parse_atr(" 3B 80  FF\n"), expected);
  EXPECT_EQ(parse_atr("0x3B 0x80 0xFF"), expected);
  EXPECT_EQ(parse_atr(""), std::nullopt);
  EXPECT_EQ(parse_atr("3B8"), std::nullopt);
  EXPECT_EQ(parse_atr("3B xx"), std::nullopt);
  EXPECT_EQ(parse_atr(std::string(68, '3')), std::nullopt) << "34 bytes";
}

TEST(AnalyseAtr, ExplainsAJavaCard) {
  const auto atr = analyse("3B DA 18 FF 81 B1 FE 75 1F 03 00 31 F5 73 C0 01 60 00 90 00 1C");
  EXPECT_THAT(atr.problems, IsEmpty());
  EXPECT_EQ(part(atr.parts, "TS"), "direct convention");
  EXPECT_THAT(part(atr.parts, "T0"), HasSubstr("TA1 TC1 TD1 follow, 10 historical bytes"));
  EXPECT_THAT(part(atr.parts, "TA1"), HasSubstr("Fi 372, Di 12: 129032 bit/s"));
  EXPECT_THAT(part(atr.parts, "TC1"), HasSubstr("N 255"));
  EXPECT_THAT(part(atr.parts, "TA3"), HasSubstr("254 bytes (IFSC)"));
  EXPECT_THAT(part(atr.parts, "TB3"), HasSubstr("7 (BWI), for characters 5 (CWI)"));
  EXPECT_THAT(part(atr.parts, "TA4"), HasSubstr("5 V, 3 V"));
  EXPECT_EQ(part(atr.parts, "TCK"), "check byte, correct");
  EXPECT_THAT(part(atr.history, "card services"), HasSubstr("no master file"));
  EXPECT_THAT(part(atr.history, "card capabilities"), HasSubstr("extended length"));
  EXPECT_THAT(part(atr.history, "status"), HasSubstr("90 00 (fine)"));
  EXPECT_THAT(atr.summary, Contains("speaks T=1"));
}

TEST(AnalyseAtr, ExplainsAT0CardWithoutCheckByte) {
  const auto atr = analyse("3B 7F 96 00 00 80 31 80 65 B0 85 03 00 EF 12 00 F6 82 90 00");
  EXPECT_THAT(atr.problems, IsEmpty());
  EXPECT_THAT(part(atr.parts, "TA1"), HasSubstr("250000 bit/s at 4 MHz, 312500 at most (5 MHz)"));
  EXPECT_EQ(part(atr.parts, "TCK"), "(none)");
  EXPECT_THAT(atr.summary, Contains("speaks T=0"));
}

TEST(AnalyseAtr, KnowsMemoryCardsOfPcsc) {
  struct Row {
    const char* atr;
    const char* name;
  };
  for (const Row& row : {Row{"3B8F8001804F0CA000000306030001000000006A", "MIFARE Classic 1K"},
                         Row{"3B8F8001804F0CA0000003060300020000000069", "MIFARE Classic 4K"},
                         Row{"3B8F8001804F0CA0000003060300030000000068", "MIFARE Ultralight"},
                         Row{"3B8F8001804F0CA00000030611003B0000000042", "FeliCa"}}) {
    const auto atr = analyse(row.atr);
    EXPECT_THAT(atr.problems, IsEmpty()) << row.atr;
    EXPECT_EQ(part(atr.history, "card"), row.name);
    EXPECT_EQ(atr.summary.front(), std::string("a contactless memory card: ") + row.name);
  }
}

TEST(AnalyseAtr, ExplainsSpecificModeAndInverseConvention) {
  const auto atr = analyse(
      "3F FF 95 00 FF 91 81 71 A0 47 00 44 4E 41 53 50 30 31 31 20 52 65 76 42 "
      "30 36 4E");
  EXPECT_EQ(part(atr.parts, "TS"), "inverse convention");
  EXPECT_THAT(part(atr.parts, "TA2"), HasSubstr("specific mode: T=1"));
  EXPECT_THAT(atr.summary, Contains("speaks T=1 only"));
}

TEST(AnalyseAtr, SaysWhatIsWrong) {
  struct Row {
    const char* atr;
    const char* problem;
  };
  for (const Row& row :
       {Row{"3B", "at least 2 bytes"}, Row{"00 00", "begins with 3B or 3F"},
        Row{"3B 02", "before its historical bytes"}, Row{"3B 10", "before its interface bytes"},
        Row{"3B 80", "before its interface bytes"}, Row{"3B 80 01", "TCK is missing"},
        Row{"3B 80 01 00", "should be 81"}, Row{"3B 00 00", "bytes after its end"},
        Row{"3B 10 F1", "reserved value"}, Row{"3B 02 80 65", "longer than they are"},
        Row{"3B 80 0F 8F", "TD1 must not say T=15"}}) {
    EXPECT_THAT(analyse(row.atr).problems, Contains(HasSubstr(row.problem))) << row.atr;
  }
}

TEST(AnalyseAtr, SurvivesEveryShortAtr) {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const std::vector<std::uint8_t> bytes{0x3B, static_cast<std::uint8_t>(first),
                                            static_cast<std::uint8_t>(second), 0x80, 0x73};
      const AtrAnalysis atr = analyse_atr(bytes);
      std::string all;
      for (const AtrPart& one : atr.parts) all += (all.empty() ? "" : " ") + one.bytes;
      EXPECT_TRUE(all == atr.atr || !atr.problems.empty()) << atr.atr;
    }
  }
}

}  // namespace
}  // namespace cardea::ctl
