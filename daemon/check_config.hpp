// `pcscd --check-config`: reads all configuration as a start would and says what is wrong with it.
// Starts nothing and loads no driver; blocking file I/O. Called by main before there are threads.
#pragma once

#include <iosfwd>
#include <string>

namespace cardea {

struct CheckConfigInput {
  std::string reader_conf;         ///< file or directory
  bool reader_conf_given = false;  ///< on the command line; only then it must exist
  std::string bundle_directory;
  std::string access_rules{};  ///< file; empty: none
  bool access_rules_given = false;
};

/// Writes each problem as a line "FILE:LINE: TEXT" (without line: "FILE: TEXT") in the order of
/// files and lines, then one line that sums up. 0: no problems; 1: there are some.
int check_config(const CheckConfigInput& input, std::ostream& out);

}  // namespace cardea
