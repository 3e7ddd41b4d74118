// Whatever a reader.conf file holds, the parser gives complete entries, problems with a place and
// a text, and the same result for DOS line ends.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "drivers/reader_conf.hpp"
#include "tests/fuzz/dos_line_ends.hpp"

namespace {

using cardea::ConfigProblem;
using cardea::ReaderConf;
using cardea::ReaderConfEntry;
using cardea::with_dos_line_ends;

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

bool same_reader(const ReaderConfEntry& a, const ReaderConfEntry& b) {
  return a.friendly_name == b.friendly_name && a.device_name == b.device_name &&
         a.channel == b.channel;
}

void check(std::string_view text, const ReaderConf& conf) {
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  CARDEA_ASSERT(conf.entries.size() <= cardea::kReaderConfEntriesMax);
  CARDEA_ASSERT(conf.problems.size() <= cardea::kReaderConfProblemsMax);
  unsigned previous_line = 0;
  for (const ReaderConfEntry& entry : conf.entries) {
    CARDEA_ASSERT(entry.file == "f");
    CARDEA_ASSERT(entry.line >= 1 && entry.line <= lines && entry.line >= previous_line);
    previous_line = entry.line;
    CARDEA_ASSERT(!entry.library_path.empty());
    CARDEA_ASSERT(entry.library_path.size() <= cardea::kReaderConfPathBytesMax);
    CARDEA_ASSERT(entry.device_name.size() <= cardea::kReaderConfPathBytesMax);
    CARDEA_ASSERT(!has_control(entry.friendly_name + entry.device_name + entry.library_path));
    CARDEA_ASSERT(std::count_if(conf.entries.begin(), conf.entries.end(),
                                [&entry](const ReaderConfEntry& other) {
                                  return same_reader(entry, other);
                                }) == 1);
  }
  for (const ConfigProblem& problem : conf.problems) {
    CARDEA_ASSERT(problem.file == "f" && !problem.text.empty());
    CARDEA_ASSERT(problem.line <= lines);
    CARDEA_ASSERT(problem.line >= 1 || text.size() > cardea::kReaderConfBytesMax);
    CARDEA_ASSERT(!has_control(problem.text));
  }
}

bool equal(const ReaderConf& a, const ReaderConf& b) {
  return std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                    [](const ReaderConfEntry& x, const ReaderConfEntry& y) {
                      return same_reader(x, y) && x.library_path == y.library_path &&
                             x.line == y.line;
                    }) &&
         std::equal(a.problems.begin(), a.problems.end(), b.problems.begin(), b.problems.end(),
                    [](const ConfigProblem& x, const ConfigProblem& y) {
                      return x.line == y.line && x.text == y.text;
                    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const ReaderConf conf = cardea::parse_reader_conf(text, "f");
  check(text, conf);
  // A CR of the text itself may stand before a line end, where another one makes a difference.
  if (text.find('\r') == std::string::npos && text.size() < cardea::kReaderConfBytesMax / 2) {
    CARDEA_ASSERT(equal(conf, cardea::parse_reader_conf(with_dos_line_ends(text), "f")));
  }
  return 0;
}
