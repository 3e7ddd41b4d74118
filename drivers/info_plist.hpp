// Lenient scanner of Info.plist, the file in which a driver bundle says which USB devices it
// serves. Pure: text in, keys and problems out; any thread.
//
// A strict XML library cannot do this: drivers that Debian ships (GemPC430, ASEDriveIIIe) open
// arrays that they never close, others have bare ampersands, and all work with pcscd. So tags are
// taken as they come and need no balance: each <key> starts a list, each <string> (or other plain
// element) after it joins the list, arrays and dictionaries mean nothing. Comments are skipped
// with what is in them; the five XML entities and character references are decoded, any other &
// stands for itself. `#` outside of elements starts a comment to the end of the line, as pcscd has
// it. Space in a text is kept; a run of it with a line break or another control character counts
// as one space, and as nothing at the ends.
//
// COMPAT: pcscd counts keys and strings in comments, drops strings that are empty, of several
// lines or written as <integer>, and knows keys of letters, digits and spaces only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/config_problem.hpp"

namespace cardea {

inline constexpr std::size_t kInfoPlistBytesMax = 1024 * 1024;  ///< of one file
inline constexpr std::size_t kInfoPlistKeysMax = 256;
inline constexpr std::size_t kInfoPlistValuesMax = 16'384;   ///< of all keys together
inline constexpr std::size_t kInfoPlistTextBytesMax = 4096;  ///< of a key or value; more is cut
inline constexpr std::size_t kInfoPlistProblemsMax = 20;

struct InfoPlistValue {
  std::string text;         ///< decoded; holds no control characters
  unsigned line = 0;        ///< where its element starts, from 1
  bool is_integer = false;  ///< <integer>: decimal, where <string> means hexadecimal
};

struct InfoPlistKey {
  std::string name;
  unsigned line = 0;
  std::vector<InfoPlistValue> values;
};

struct InfoPlist {
  std::vector<InfoPlistKey> keys;  ///< in the order of the file, names unique (the last one wins)
  std::vector<ConfigProblem> problems;

  /// nullptr if the file does not have it.
  [[nodiscard]] const InfoPlistKey* find(std::string_view name) const;
};

/// `file_name` is only copied into the problems. A file beyond one of the limits of bytes, keys or
/// values gives no keys at all: part of a table would match the wrong devices.
InfoPlist parse_info_plist(std::string_view text, std::string file_name);

}  // namespace cardea
