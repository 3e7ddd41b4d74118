// The Info.plist table: which keys and values a file gives and on which lines it has problems. The
// variants are what shipped bundles do, or what pcscd is known to trip over.
#include "drivers/info_plist.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cardea {
namespace {

using namespace std::string_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// "name@line: value|value" per key; an integer has a # before it.
std::vector<std::string> keys_of(const InfoPlist& plist) {
  std::vector<std::string> out;
  for (const InfoPlistKey& key : plist.keys) {
    std::string line = key.name + "@" + std::to_string(key.line) + ":";
    for (const InfoPlistValue& value : key.values) {
      line += (&value == &key.values.front() ? " " : "|") + (value.is_integer ? "#"s : ""s) +
              value.text;
    }
    out.push_back(line);
  }
  return out;
}

std::vector<unsigned> problem_lines_of(const InfoPlist& plist) {
  std::vector<unsigned> out;
  for (const ConfigProblem& problem : plist.problems) out.push_back(problem.line);
  return out;
}

struct Variant {
  const char* name;
  std::string text;
  std::vector<std::string> keys;
  std::vector<unsigned> problem_lines;
};

void PrintTo(const Variant& variant, std::ostream* out) { *out << variant.name; }

const std::vector<Variant> kVariants{
    {"EmptyFile", "", {}, {}},
    {"WellFormed",
     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
     "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/x.dtd\">\n"
     "<plist version=\"1.0\">\n<dict>\n\t<key>A</key>\n\t<string>one</string>\n"
     "\t<key>B</key>\n\t<array>\n\t\t<string>two</string>\n\t\t<string>three</string>\n"
     "\t</array>\n</dict>\n</plist>\n",
     {"A@5: one", "B@7: two|three"},
     {}},
    {"ArraysEndedByAnotherOpeningTag",
     "<dict>\n<key>V</key>\n<array>\n<string>1</string>\n<array>\n"
     "<key>P</key>\n<array>\n<string>2</string>\n<array>\n</dict>\n",
     {"V@2: 1", "P@6: 2"},
     {}},
    {"NoSurroundingTagsAtAll", "<key>K</key><string>v</string>", {"K@1: v"}, {}},
    {"NothingIsClosed", "<key>K\n<string>v\n<string>w", {"K@1: v|w"}, {1, 2, 3}},
    {"BareAmpersands",
     "<key>K</key><string>A & B</string><string>&</string><string>A&B;C&&amp;</string>",
     {"K@1: A & B|&|A&B;C&&"},
     {}},
    {"Entities",
     "<key>K</key><string>&lt;a&gt; &amp; &quot;b&apos; &amp;amp; &nbsp;</string>",
     {"K@1: <a> & \"b' &amp; &nbsp;"},
     {}},
    {"CharacterReferences",
     "<key>K</key><string>&#65;&#x42;&#xe9;&#8364;&#x1F600;</string>",
     {"K@1: AB\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
     {}},
    {"CharacterReferencesThatAreNone",
     "<key>K</key><string>&#0;&#;&#x;&#xD800;&#x110000;&#-1;&#12a;&#99999999999;</string>",
     {"K@1: &#0;&#;&#x;&#xD800;&#x110000;&#-1;&#12a;&#99999999999;"},
     {}},
    {"CommentsHideKeysAndStrings",
     "<key>V</key>\n<array>\n<!-- <string>0x1</string>\n<key>X</key> a -- b > -->\n"
     "<string>0x2</string><!----></array>\n",
     {"V@1: 0x2"},
     {}},
    {"CommentInsideAValue", "<key>K</key><string>a<!-- b -->c</string>", {"K@1: ac"}, {}},
    {"CommentWithoutAnEnd",
     "<key>K</key><string>v</string>\n<!-- <key>L</key>\n<string>w</string>",
     {"K@1: v"},
     {2}},
    {"HashOutsideOfElements",
     "<key>K</key>\n# <string>a</string>\n<string>#b</string> # <string>c</string>\n",
     {"K@1: #b"},
     {}},
    {"DosLineEnds",
     "<dict>\r\n<key>K</key>\r\n<string>v w</string>\r\n</dict>\r\n",
     {"K@2: v w"},
     {}},
    {"ByteOrderMarkAndUtf8",
     "\xEF\xBB\xBF<key>K</key><string>Leseger\xC3\xA4t</string>",
     {"K@1: Leseger\xC3\xA4t"},
     {}},
    {"EmptyValues", "<key>K</key><string></string><string/><string />", {"K@1: ||"}, {}},
    {"EmptyArray", "<key>K</key><array/><key>L</key><array></array>", {"K@1:", "L@1:"}, {}},
    {"ValueOfSeveralLines",
     "<key>K</key>\n<string>\n\t\tone\r\n\t\ttwo  three\n</string>\n<string>v</string>",
     {"K@1: one two  three|v"},
     {}},
    {"SpacesAreKept", "<key>K</key><string>  a  b </string>", {"K@1:   a  b "}, {}},
    {"ControlCharactersAreSpace",
     "<key>K</key><string>a\x01\x7F"
     "b&#9;c\0</string>"s,
     {"K@1: a b c"},
     {}},
    {"TwoValuesOnALine", "<key>K</key><string>a</string><string>b</string>", {"K@1: a|b"}, {}},
    {"Integers", "<key>K</key>\n<integer>1254</integer><string>7</string>", {"K@1: #1254|7"}, {}},
    {"OtherPlainElements",
     "<key>K</key><true/><false/><real>1.5</real><date>d</date><data>eA==</data>",
     {"K@1: true|false|1.5|d|eA=="},
     {}},
    {"KeysWithAnyCharacter",
     "<key>com.acme-x_y</key><string>a</string><key> K </key><string>b</string>"
     "<key>\xC3\xA4&amp;</key><string>c</string>",
     {"com.acme-x_y@1: a", "K@1: b", "\xC3\xA4&@1: c"},
     {}},
    {"DuplicateKey",
     "<key>K</key><string>a</string>\n<key>L</key><string>b</string>\n<key>K</key>",
     {"L@2: b", "K@3:"},
     {3}},
    {"ValueBeforeAnyKey", "\n<string>a</string>\n<key>K</key>", {"K@3:"}, {2}},
    {"ValueEndedByAnotherTag",
     "<key>K</key>\n<string>a</srting>\n<string>b<string>c</strings></string>",
     {"K@1: a|b|c"},
     {2, 3, 3}},
    {"TagsWithoutTheirEnd",
     "<key>K</key\n<string>a</string\n<string>b</string",
     {"K@1: a|b"},
     {1, 2, 3}},
    {"LessThanThatStartsNoTag", "<key>K</key><string>a < b <3</string>", {"K@1: a < b <3"}, {}},
    {"AttributesAndUnknownElements",
     "<key id=\"1\">K</key>\n<sting>a</sting>\n<string lang='en'>b</string>",
     {"K@1: b"},
     {2, 2}},
    {"TextOutsideOfElements",
     "<key>K</key>\nstring>a</string>\n<string>b</string> ; x\r\n",
     {"K@1: b"},
     {2, 3}},
    {"NestedDictionaries",
     "<dict><key>K</key><dict><key>L</key><string>a</string></dict></dict>",
     {"K@1:", "L@1: a"},
     {}},
    {"NoPropertyListAtAll", "\x7F"s + "ELF\0\0\n\n"s, {}, {1}},
};

class InfoPlistTable : public testing::TestWithParam<Variant> {};

TEST_P(InfoPlistTable, GivesTheExpectedKeysAndProblemLines) {
  const InfoPlist plist = parse_info_plist(GetParam().text, "file");
  EXPECT_EQ(keys_of(plist), GetParam().keys);
  EXPECT_EQ(problem_lines_of(plist), GetParam().problem_lines);
  for (const ConfigProblem& problem : plist.problems) EXPECT_EQ(problem.file, "file");
}

INSTANTIATE_TEST_SUITE_P(Variants, InfoPlistTable, testing::ValuesIn(kVariants),
                         [](const testing::TestParamInfo<Variant>& variant) {
                           return std::string(variant.param.name);
                         });

TEST(InfoPlist, FindsKeysByTheirExactName) {
  const InfoPlist plist = parse_info_plist("<key>K</key>\n<string>v</string>", "f");
  ASSERT_NE(plist.find("K"), nullptr);
  EXPECT_EQ(plist.find("K")->values.at(0).line, 2u);
  EXPECT_EQ(plist.find("k"), nullptr);
  EXPECT_EQ(plist.find(""), nullptr);
}

TEST(InfoPlist, SaysWhatAProblemCosts) {
  const InfoPlist plist =
      parse_info_plist("<string>x</string>\n<key>K</key>\n<key>K</key>\n<!-- ", "f");
  ASSERT_EQ(plist.problems.size(), 3u);
  EXPECT_EQ(plist.problems[0].text, "the value \"x\" stands before any <key>; it is ignored");
  EXPECT_THAT(plist.problems[1].text, AllOf(HasSubstr("\"K\""), HasSubstr("line 2"),
                                            HasSubstr("what it says there is ignored")));
  EXPECT_THAT(plist.problems[2].text, HasSubstr("the rest of the file is ignored"));
}

TEST(InfoPlist, LimitsTheFile) {
  const std::string end = "<key>K</key>";
  const std::string text = std::string(kInfoPlistBytesMax - end.size(), '\n') + end;
  EXPECT_EQ(parse_info_plist(text, "f").keys.size(), 1u);
  const InfoPlist plist = parse_info_plist(text + "\n", "f");
  EXPECT_TRUE(plist.keys.empty());
  ASSERT_EQ(plist.problems.size(), 1u);
  EXPECT_THAT(plist.problems[0].text, HasSubstr("1048576 bytes; the whole file is ignored"));
}

TEST(InfoPlist, LimitsTheKeys) {
  std::string text;
  for (std::size_t i = 0; i < kInfoPlistKeysMax; ++i) {
    text += "<key>K" + std::to_string(i) + "</key>\n";
  }
  EXPECT_EQ(parse_info_plist(text, "f").keys.size(), kInfoPlistKeysMax);
  const InfoPlist plist = parse_info_plist(text + "<key>one more</key>", "f");
  EXPECT_TRUE(plist.keys.empty());
  EXPECT_THAT(problem_lines_of(plist), ElementsAre(kInfoPlistKeysMax + 1));
}

TEST(InfoPlist, LimitsTheValues) {
  std::string text = "<key>K</key>\n";
  for (std::size_t i = 0; i < kInfoPlistValuesMax; ++i) text += "<string>v</string>\n";
  EXPECT_EQ(parse_info_plist(text, "f").keys.at(0).values.size(), kInfoPlistValuesMax);
  const InfoPlist plist = parse_info_plist(text + "<string>one more</string>", "f");
  EXPECT_TRUE(plist.keys.empty());
  EXPECT_THAT(problem_lines_of(plist), ElementsAre(kInfoPlistValuesMax + 2));
  // What an overridden key had does not count.
  EXPECT_EQ(parse_info_plist(text + text, "f").keys.at(0).values.size(), kInfoPlistValuesMax);
}

TEST(InfoPlist, CutsLongTexts) {
  const std::string longest(kInfoPlistTextBytesMax, 't');
  const auto value = [](const std::string& t) { return "<key>K</key><string>" + t + "</string>"; };
  EXPECT_TRUE(parse_info_plist(value(longest), "f").problems.empty());
  const InfoPlist plist = parse_info_plist(value(longest + "t"), "f");
  EXPECT_EQ(plist.keys.at(0).values.at(0).text, longest);
  EXPECT_EQ(plist.problems.size(), 1u);
}

TEST(InfoPlist, LimitsTheProblems) {
  std::string text;
  for (std::size_t i = 0; i < kInfoPlistProblemsMax + 5; ++i) text += "<string>v</string>\n";
  const InfoPlist plist = parse_info_plist(text, "f");
  ASSERT_EQ(plist.problems.size(), kInfoPlistProblemsMax);
  EXPECT_THAT(plist.problems.back().text, HasSubstr("further problems are not listed"));
}

}  // namespace
}  // namespace cardea
