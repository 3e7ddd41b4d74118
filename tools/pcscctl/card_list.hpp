// Names of cards by their ATR, from the list that comes with pcsc-tools, if it is installed. Reads
// a file; any thread.
#pragma once

#include <istream>
#include <string>
#include <string_view>
#include <vector>

namespace cardea::ctl {

inline constexpr const char* kCardListFile = "/usr/share/pcsc/smartcard_list.txt";
inline constexpr std::size_t kCardNamesMax = 5;

/// What the list calls cards with this ATR ("3B 00"), at most kCardNamesMax. The list has ATRs, in
/// which '.' is any digit, each with lines of names after it that begin with a tab.
std::vector<std::string> card_names(std::istream& list, std::string_view atr);

}  // namespace cardea::ctl
