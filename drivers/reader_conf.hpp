// Parser of reader.conf, the list of readers that no bus announces (serial, network, virtual).
// Pure: text in, entries and problems out; any thread.
//
// Grammar: KEY VALUE pairs, both on one line, keys in capitals and in any order; `#` starts a
// comment outside quotes; a value is a bare word or stands in "..." or '...'; lines end in LF or
// CR LF. A key that its entry already has starts the next entry, and so does any key after all
// four; in a file that begins with FRIENDLYNAME, as all known ones do, every FRIENDLYNAME does.
// An entry needs FRIENDLYNAME, LIBPATH and one of DEVICENAME and CHANNELID. FRIENDLYNAME may be
// empty, as pcscd allows: the reader is then called " 00 00". Whatever is wrong costs the entry it
// stands in and no other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/config_problem.hpp"

namespace cardea {

inline constexpr std::size_t kReaderConfBytesMax = 256 * 1024;  ///< of one file
inline constexpr std::size_t kReaderConfEntriesMax = 256;       ///< of one parse or load
inline constexpr std::size_t kReaderConfProblemsMax = 100;      ///< of one parse or load
inline constexpr std::size_t kReaderConfPathBytesMax = 4095;    ///< LIBPATH and DEVICENAME

/// One reader to open.
struct ReaderConfEntry {
  std::string friendly_name;
  std::string device_name;  ///< empty: the driver gets the channel only
  std::string library_path;
  std::uint32_t channel = 0;
  std::string file;
  unsigned line = 0;   ///< where the entry starts, from 1
  unsigned order = 0;  ///< among all entries
};

struct ReaderConf {
  std::vector<ReaderConfEntry> entries;
  std::vector<ConfigProblem> problems;
};

/// Adds to `conf.problems` up to the limit; the last one then says that there are more.
void add_problem(ReaderConf& conf, ConfigProblem problem);

/// Adds to `conf.entries`, or a problem if there are too many or one with the same name, device
/// and channel is there already (the reader would be the same).
void add_entry(ReaderConf& conf, ReaderConfEntry entry);

/// `file_name` is only copied into the results.
ReaderConf parse_reader_conf(std::string_view text, std::string file_name);

}  // namespace cardea
