// Whatever an Info.plist holds, the scanner gives keys with unique names and clean texts,
// problems with a place and a text, and the same result for DOS line ends.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "drivers/info_plist.hpp"
#include "tests/fuzz/dos_line_ends.hpp"

namespace {

using cardea::ConfigProblem;
using cardea::InfoPlist;
using cardea::InfoPlistKey;
using cardea::InfoPlistValue;
using cardea::with_dos_line_ends;

bool is_clean(std::string_view text) {
  return text.size() <= cardea::kInfoPlistTextBytesMax &&
         std::none_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte < 0x20 || byte == 0x7F;
         });
}

void check(std::string_view text, const InfoPlist& plist) {
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  CARDEA_ASSERT(plist.keys.size() <= cardea::kInfoPlistKeysMax);
  CARDEA_ASSERT(plist.problems.size() <= cardea::kInfoPlistProblemsMax);
  std::size_t values = 0;
  unsigned previous_line = 1;
  for (const InfoPlistKey& key : plist.keys) {
    CARDEA_ASSERT(is_clean(key.name) && plist.find(key.name) == &key);
    CARDEA_ASSERT(key.line >= previous_line && key.line <= lines);
    previous_line = key.line;
    for (const InfoPlistValue& value : key.values) {
      CARDEA_ASSERT(is_clean(value.text));
      CARDEA_ASSERT(value.line >= previous_line && value.line <= lines);
      previous_line = value.line;
    }
    values += key.values.size();
  }
  CARDEA_ASSERT(values <= cardea::kInfoPlistValuesMax);
  for (const ConfigProblem& problem : plist.problems) {
    CARDEA_ASSERT(problem.file == "f" && !problem.text.empty() && is_clean(problem.text));
    CARDEA_ASSERT(problem.line >= 1 && problem.line <= lines);
  }
}

bool equal(const InfoPlist& a, const InfoPlist& b) {
  const auto same_value = [](const InfoPlistValue& x, const InfoPlistValue& y) {
    return x.text == y.text && x.line == y.line && x.is_integer == y.is_integer;
  };
  return std::equal(a.keys.begin(), a.keys.end(), b.keys.begin(), b.keys.end(),
                    [&](const InfoPlistKey& x, const InfoPlistKey& y) {
                      return x.name == y.name && x.line == y.line &&
                             std::equal(x.values.begin(), x.values.end(), y.values.begin(),
                                        y.values.end(), same_value);
                    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const InfoPlist plist = cardea::parse_info_plist(text, "f");
  check(text, plist);
  if (text.size() < cardea::kInfoPlistBytesMax / 2) {
    CARDEA_ASSERT(equal(plist, cardea::parse_info_plist(with_dos_line_ends(text), "f")));
  }
  return 0;
}
