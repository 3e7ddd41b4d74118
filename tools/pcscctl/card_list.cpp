#include "tools/pcscctl/card_list.hpp"

#include <algorithm>

#include "tools/pcscctl/terminal.hpp"

namespace cardea::ctl {
namespace {

/// Other regular expressions than '.' are in the list for a few cards only; they do not match.
bool fits(std::string_view pattern, std::string_view atr) {
  return pattern.size() == atr.size() &&
         std::equal(pattern.begin(), pattern.end(), atr.begin(),
                    [](char expected, char is) { return expected == is || expected == '.'; });
}

}  // namespace

std::vector<std::string> card_names(std::istream& list, std::string_view atr) {
  std::vector<std::string> names;
  bool inside = false;
  for (std::string line; std::getline(list, line) && names.size() < kCardNamesMax;) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line.front() == '#') {
      inside = false;
    } else if (line.front() != '\t') {
      inside = fits(line, atr);
    } else if (inside) {
      names.push_back(safe(line.substr(1)));
    }
  }
  return names;
}

}  // namespace cardea::ctl
