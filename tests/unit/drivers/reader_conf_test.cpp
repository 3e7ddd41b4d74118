// The reader.conf table: what a file gives, and on which lines it has problems. The variants are
// those known to matter with pcscd, whose accidents (order, CR LF, quotes, one error stopping
// everything) are not repeated.
#include "drivers/reader_conf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "drivers/reader_name.hpp"

namespace cardea {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::HasSubstr;

/// "name|device|library|channel|line" per entry.
std::vector<std::string> entries_of(const ReaderConf& conf) {
  std::vector<std::string> out;
  for (const ReaderConfEntry& e : conf.entries) {
    out.push_back(e.friendly_name + "|" + e.device_name + "|" + e.library_path + "|" +
                  std::to_string(e.channel) + "|" + std::to_string(e.line));
  }
  return out;
}

std::vector<std::size_t> problem_lines_of(const ReaderConf& conf) {
  std::vector<std::size_t> out;
  for (const ConfigProblem& p : conf.problems) out.push_back(p.line);
  return out;
}

struct Variant {
  const char* name;
  std::string text;
  std::vector<std::string> entries;
  std::vector<std::size_t> problem_lines;
};

void PrintTo(const Variant& variant, std::ostream* out) { *out << variant.name; }

/// A complete entry of four lines that follows the one under test and must survive it.
const std::string kNext = "FRIENDLYNAME \"Next\"\nDEVICENAME n:1\nLIBPATH /n.so\nCHANNELID 1\n";

std::string next_at(int line) { return "Next|n:1|/n.so|1|" + std::to_string(line); }

const std::vector<Variant> kVariants{
    {"EmptyFile", "", {}, {}},
    {"OnlyCommentsAndBlankLines", "# a\n\n  \t\n   # b", {}, {}},
    {"DocumentedOrderOfDebiansVpcd",
     "FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME   /dev/null:0x8C7B\nLIBPATH      /v.so\n"
     "CHANNELID    0x8C7B\n",
     {"Virtual PCD|/dev/null:0x8C7B|/v.so|35963|1"},
     {}},
    {"ChannelBeforeLibpath",
     "FRIENDLYNAME R\nDEVICENAME d\nCHANNELID 3\nLIBPATH /l\n" + kNext,
     {"R|d|/l|3|1", next_at(5)},
     {}},
    {"DeviceAndChannelLast",
     "FRIENDLYNAME R\nLIBPATH /l\nDEVICENAME d\nCHANNELID 3\n" + kNext,
     {"R|d|/l|3|1", next_at(5)},
     {}},
    {"DeviceLast",
     "FRIENDLYNAME R\nCHANNELID 3\nLIBPATH /l\nDEVICENAME d\n" + kNext,
     {"R|d|/l|3|1", next_at(5)},
     {}},
    {"NameLast",
     "LIBPATH /l\nDEVICENAME d\nFRIENDLYNAME R\n"
     "LIBPATH /m\nDEVICENAME e\nFRIENDLYNAME S\n",
     {"R|d|/l|0|1", "S|e|/m|0|4"},
     {}},
    {"WithoutChannel",
     "FRIENDLYNAME R\nDEVICENAME d\nLIBPATH /l\n" + kNext,
     {"R|d|/l|0|1", next_at(4)},
     {}},
    {"WithoutDevice",
     "FRIENDLYNAME R\nCHANNELID 7\nLIBPATH /l\n" + kNext,
     {"R||/l|7|1", next_at(4)},
     {}},
    {"WithoutDeviceAndChannel", "FRIENDLYNAME R\nLIBPATH /l\n" + kNext, {next_at(3)}, {1}},
    {"WithoutLibpath", "\nFRIENDLYNAME R\nDEVICENAME d\n" + kNext, {next_at(4)}, {2}},
    {"WithoutName", "DEVICENAME d\nLIBPATH /l\nCHANNELID 2\nDEVICENAME e\n", {}, {1, 4}},
    {"IncompleteAtTheEnd", kNext + "LIBPATH /l", {next_at(1)}, {5}},
    {"NoNewlineAtTheEnd", "FRIENDLYNAME R\nDEVICENAME d\nLIBPATH /l", {"R|d|/l|0|1"}, {}},
    {"DosLineEnds",
     "FRIENDLYNAME \"R 1\"\r\nDEVICENAME d\r\nLIBPATH /l\r\n\r\n",
     {"R 1|d|/l|0|1"},
     {}},
    {"TabsAndIndentation",
     "\tFRIENDLYNAME\t\tR \n  DEVICENAME\td\t\n LIBPATH  /l  ",
     {"R|d|/l|0|1"},
     {}},
    {"CommentAfterAValue",
     "FRIENDLYNAME R # x\nDEVICENAME d#y\nLIBPATH \"/l\"#z\n",
     {"R|d|/l|0|1"},
     {}},
    {"HashInsideQuotes",
     "FRIENDLYNAME \"R #1\"\nDEVICENAME d\nLIBPATH /l\n",
     {"R #1|d|/l|0|1"},
     {}},
    {"SingleQuotes",
     "FRIENDLYNAME 'R \"1\"'\nDEVICENAME d\nLIBPATH /l\n",
     {"R \"1\"|d|/l|0|1"},
     {}},
    {"QuotesAroundEveryValue",
     "FRIENDLYNAME \"R\"\nDEVICENAME 'a b'\nLIBPATH \"/my lib.so\"\nCHANNELID '0x10'\n",
     {"R|a b|/my lib.so|16|1"},
     {}},
    {"MissingEndQuote", "FRIENDLYNAME \"R\nDEVICENAME d\nLIBPATH /l\n" + kNext, {next_at(4)}, {1}},
    {"TextAfterTheEndQuote",
     "FRIENDLYNAME \"R\"1\nDEVICENAME d\nLIBPATH /l\n" + kNext,
     {next_at(4)},
     {1}},
    {"QuoteInsideAWord",
     "FRIENDLYNAME R\"1\"\nDEVICENAME d\nLIBPATH /l\n" + kNext,
     {next_at(4)},
     {1}},
    {"UnquotedNameWithASpace",
     "FRIENDLYNAME My Reader\nDEVICENAME d\nLIBPATH /l\n" + kNext,
     {next_at(4)},
     {1}},
    {"QuotedKey", "\"FRIENDLYNAME\" R\n" + kNext, {next_at(2)}, {1}},
    {"EmptyName", "FRIENDLYNAME \"\"\nDEVICENAME d\nLIBPATH /l\n", {"|d|/l|0|1"}, {}},
    {"EmptyDevice", "FRIENDLYNAME R\nDEVICENAME \"\"\nLIBPATH /l\n" + kNext, {next_at(4)}, {2}},
    {"EmptyLibpath", "FRIENDLYNAME R\nDEVICENAME d\nLIBPATH ''\n" + kNext, {next_at(4)}, {3}},
    {"KeyWithoutValue", "FRIENDLYNAME R\nDEVICENAME\nLIBPATH /l\n" + kNext, {next_at(4)}, {2}},
    {"ValueOnTheNextLine",
     "FRIENDLYNAME\n\"R\"\nDEVICENAME d\nLIBPATH /l\n" + kNext,
     {next_at(5)},
     {1, 2}},
    {"LowerCaseKey", "friendlyname R\nDEVICENAME d\nLIBPATH /l\n" + kNext, {next_at(4)}, {1}},
    {"MixedCaseKeyInside", "FRIENDLYNAME R\nDeviceName d\nLIBPATH /l\n" + kNext, {next_at(4)}, {2}},
    {"UnknownKey",
     "FRIENDLYNAME R\nSPEED 9600\nDEVICENAME d\nLIBPATH /l\n" + kNext,
     {next_at(5)},
     {2}},
    {"UnknownKeyAfterAFullEntry",
     kNext + "SPEED 9600\nFRIENDLYNAME R\nDEVICENAME d\nLIBPATH /l\n",
     {next_at(1), "R|d|/l|0|6"},
     {5}},
    {"NameCommentedOutInTheSecondEntry",
     "FRIENDLYNAME R\nDEVICENAME d\nLIBPATH /l\n#FRIENDLYNAME S\nDEVICENAME e\nLIBPATH /m\n" +
         kNext,
     {"R|d|/l|0|1", next_at(7)},
     {5}},
    {"RepeatedKey",
     "FRIENDLYNAME R\nLIBPATH /l\nLIBPATH /m\nDEVICENAME d\n" + kNext,
     {next_at(5)},
     {1, 3}},
    {"TwoPairsOnOneLine",
     "FRIENDLYNAME R DEVICENAME d\nLIBPATH /l CHANNELID 9 # x\n",
     {"R|d|/l|9|1"},
     {}},
    {"ChannelInOctal", "FRIENDLYNAME R\nCHANNELID 010\nLIBPATH /l\n", {"R||/l|8|1"}, {}},
    {"ChannelZero", "FRIENDLYNAME R\nCHANNELID 0\nLIBPATH /l\n", {"R||/l|0|1"}, {}},
    {"LargestChannel",
     "FRIENDLYNAME R\nCHANNELID 0XFFFFFFFF\nLIBPATH /l\n",
     {"R||/l|4294967295|1"},
     {}},
    {"ChannelTooLarge",
     "FRIENDLYNAME R\nCHANNELID 4294967296\nLIBPATH /l\n" + kNext,
     {next_at(4)},
     {2}},
    {"ChannelNegative", "FRIENDLYNAME R\nCHANNELID -1\nLIBPATH /l\n" + kNext, {next_at(4)}, {2}},
    {"ChannelNotOctal", "FRIENDLYNAME R\nCHANNELID 08\nLIBPATH /l\n" + kNext, {next_at(4)}, {2}},
    {"ChannelWithoutDigits",
     "FRIENDLYNAME R\nCHANNELID 0x\nLIBPATH /l\n" + kNext,
     {next_at(4)},
     {2}},
    {"ChannelWithText", "FRIENDLYNAME R\nCHANNELID 12com\nLIBPATH /l\n" + kNext, {next_at(4)}, {2}},
    {"BareWordsBeyondPcscds",
     "FRIENDLYNAME R,+~%\nDEVICENAME d\nLIBPATH /opt/c++/l~1.so\n",
     {"R,+~%|d|/opt/c++/l~1.so|0|1"},
     {}},
    {"NamesInUtf8",
     "FRIENDLYNAME \"Leseger\xC3\xA4t\"\nDEVICENAME d\nLIBPATH /l\n",
     {"Leseger\xC3\xA4t|d|/l|0|1"},
     {}},
    {"ControlCharacterInQuotes",
     "FRIENDLYNAME \"R\t1\"\nDEVICENAME d\nLIBPATH /l\n" + kNext,
     {next_at(4)},
     {1}},
    {"NulByte", "FRIENDLYNAME R\0x\nDEVICENAME d\nLIBPATH /l\n"s + kNext, {next_at(4)}, {1}},
    {"SameReaderTwice",
     "FRIENDLYNAME R\nDEVICENAME d\nLIBPATH /l\n"
     "FRIENDLYNAME R\nDEVICENAME d\nLIBPATH /m\n" +
         kNext,
     {"R|d|/l|0|1", next_at(7)},
     {4}},
    {"SameNameOtherDevice",
     "FRIENDLYNAME R\nDEVICENAME d\nLIBPATH /l\n"
     "FRIENDLYNAME R\nDEVICENAME e\nLIBPATH /l\n",
     {"R|d|/l|0|1", "R|e|/l|0|4"},
     {}},
    {"SeveralProblemsInOneEntry",
     "FRIENDLYNAME R\nSPEED 1\nCHANNELID x\nLIBPATH\n" + kNext,
     {next_at(5)},
     {2, 3, 4}},
};

class ReaderConfTable : public testing::TestWithParam<Variant> {};

TEST_P(ReaderConfTable, GivesTheExpectedEntriesAndProblemLines) {
  const ReaderConf conf = parse_reader_conf(GetParam().text, "file");
  EXPECT_EQ(entries_of(conf), GetParam().entries);
  EXPECT_EQ(problem_lines_of(conf), GetParam().problem_lines);
  for (const ConfigProblem& problem : conf.problems) {
    EXPECT_EQ(problem.file, "file");
    EXPECT_THAT(problem.text, HasSubstr("ignored")) << "says what it costs";
  }
  for (const ReaderConfEntry& entry : conf.entries) EXPECT_EQ(entry.file, "file");
}

INSTANTIATE_TEST_SUITE_P(Variants, ReaderConfTable, testing::ValuesIn(kVariants),
                         [](const testing::TestParamInfo<Variant>& variant) {
                           return std::string(variant.param.name);
                         });

/// Two entries with the same order of keys give two readers, in whichever order that is.
void expect_two_readers(std::vector<std::string> keys) {
  std::sort(keys.begin(), keys.end());
  do {
    std::string text;
    for (const char* n : {"1", "2"}) {
      for (const std::string& key : keys) {
        text += key + " " + (key == "LIBPATH" ? "/l" : key == "DEVICENAME" ? "d:" : "") + n + "\n";
      }
    }
    const ReaderConf conf = parse_reader_conf(text, "f");
    EXPECT_TRUE(conf.problems.empty()) << text;
    ASSERT_EQ(conf.entries.size(), 2u) << text;
    const bool has_device = std::count(keys.begin(), keys.end(), "DEVICENAME") != 0;
    const bool has_channel = std::count(keys.begin(), keys.end(), "CHANNELID") != 0;
    for (unsigned n = 1; n <= 2; ++n) {
      const ReaderConfEntry& entry = conf.entries[n - 1];
      const std::string digit = std::to_string(n);
      EXPECT_EQ(entry.friendly_name, digit) << text;
      EXPECT_EQ(entry.library_path, "/l" + digit) << text;
      EXPECT_EQ(entry.device_name, has_device ? "d:" + digit : "") << text;
      EXPECT_EQ(entry.channel, has_channel ? n : 0u) << text;
    }
  } while (std::next_permutation(keys.begin(), keys.end()));
}

TEST(ReaderConf, TakesTheKeysOfAnEntryInEveryOrder) {
  expect_two_readers({"FRIENDLYNAME", "DEVICENAME", "LIBPATH", "CHANNELID"});
  expect_two_readers({"FRIENDLYNAME", "DEVICENAME", "LIBPATH"});
  expect_two_readers({"FRIENDLYNAME", "CHANNELID", "LIBPATH"});
}

TEST(ReaderConf, NamesTheEntryThatAProblemCosts) {
  const ReaderConf conf =
      parse_reader_conf("\nFRIENDLYNAME R\nLIBPATH /l\nSPEED 9600\nDEVICENAME d\n", "f");
  ASSERT_EQ(conf.problems.size(), 1u);
  EXPECT_THAT(conf.problems[0].text, HasSubstr("\"SPEED\" is not a key"));
  EXPECT_THAT(conf.problems[0].text, HasSubstr("that starts on line 2 is ignored"));
}

TEST(ReaderConf, IgnoresAnEntryWhoseLastKeyIsWrong) {
  const std::string device = "FRIENDLYNAME R\nDEVICENAME d\n";
  for (const std::string& text :
       {device + "CHANNELID 1\nLIBPATH\n", device + "CHANNELID 1\nLIBPATH \"\"\n",
        device + "LIBPATH /l\nCHANNELID x\n", device + "CHANNELID 1\nLibPath /l\n"}) {
    const ReaderConf conf = parse_reader_conf(text + kNext, "f");
    EXPECT_EQ(conf.entries.size(), 1u) << text;
    ASSERT_EQ(conf.problems.size(), 1u) << text;
    EXPECT_THAT(conf.problems[0].text, HasSubstr("that starts on line 1 is ignored"));
  }
}

TEST(ReaderConf, KeepsAReaderWhoseNameWillBeCutAndSaysSo) {
  const std::string longest(kReaderBaseNameBytesMax, 'n');
  const std::string rest = "\nDEVICENAME d\nLIBPATH /l\n";
  EXPECT_TRUE(parse_reader_conf("FRIENDLYNAME " + longest + rest, "f").problems.empty());
  const ReaderConf conf = parse_reader_conf("FRIENDLYNAME " + longest + "n" + rest, "f");
  EXPECT_EQ(conf.entries.size(), 1u);
  ASSERT_EQ(conf.problems.size(), 1u);
  EXPECT_THAT(conf.problems[0].text, HasSubstr("name is cut"));
}

TEST(ReaderConf, LimitsThePaths) {
  const std::string path(kReaderConfPathBytesMax, 'p');
  const std::string rest = "\nDEVICENAME d\nFRIENDLYNAME R\n";
  EXPECT_EQ(parse_reader_conf("LIBPATH " + path + rest, "f").entries.size(), 1u);
  const ReaderConf conf = parse_reader_conf("LIBPATH " + path + "p" + rest, "f");
  EXPECT_TRUE(conf.entries.empty());
  EXPECT_THAT(problem_lines_of(conf), ElementsAre(1));
}

TEST(ReaderConf, LimitsTheFile) {
  std::string text(kReaderConfBytesMax - kNext.size(), '\n');
  text += kNext;
  EXPECT_EQ(parse_reader_conf(text, "f").entries.size(), 1u);
  const ReaderConf conf = parse_reader_conf(text + "\n", "f");
  EXPECT_TRUE(conf.entries.empty());
  EXPECT_THAT(problem_lines_of(conf), ElementsAre(0));
}

TEST(ReaderConf, LimitsTheProblems) {
  std::string text;
  for (std::size_t i = 0; i < kReaderConfProblemsMax + 5; ++i) text += "SPEED 1\n";
  const ReaderConf conf = parse_reader_conf(text + kNext, "f");
  ASSERT_EQ(conf.problems.size(), kReaderConfProblemsMax);
  EXPECT_THAT(conf.problems.back().text, HasSubstr("further problems are not listed"));
}

TEST(ReaderConf, LimitsTheEntries) {
  std::string text;
  for (std::size_t i = 0; i <= kReaderConfEntriesMax; ++i) {
    text += "FRIENDLYNAME R\nLIBPATH /l\nCHANNELID " + std::to_string(i) + "\n";
  }
  const ReaderConf conf = parse_reader_conf(text, "f");
  EXPECT_EQ(conf.entries.size(), kReaderConfEntriesMax);
  EXPECT_THAT(problem_lines_of(conf), ElementsAre(3 * kReaderConfEntriesMax + 1));
}

}  // namespace
}  // namespace cardea
