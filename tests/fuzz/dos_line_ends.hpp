// The same text as an editor of DOS or Windows would have saved it. For fuzz targets of parsers to
// which that must make no difference.
#pragma once

#include <string>
#include <string_view>

namespace cardea {

inline std::string with_dos_line_ends(std::string_view text) {
  std::string dos;
  for (const char c : text) {
    if (c == '\n') dos += '\r';
    dos += c;
  }
  return dos;
}

}  // namespace cardea
