// The log front every part uses: a level, a text, and named fields for the journal. Where the
// record goes is decided once, by the program (daemon/journal_log.cpp); without a sink nothing is
// printed. Thread-safe. Nobody calls it while holding a lock that a request path needs.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log_event.hpp"

namespace cardea::log {

enum class Level { debug, info, warning, error, critical };

/// Names in capitals, e.g. {"CLIENT_PID", "4711"}; in the journal CARDEA_ stands before them.
using Fields = std::vector<std::pair<std::string, std::string>>;

struct Record {
  Level level = Level::info;
  std::string text;
  Fields fields;
  Event event = Event::none;
};

using Sink = void (*)(const Record& record);

/// Installs the sink (nullptr: none) and the least level that reaches it.
void set_sink(Sink sink, Level least) noexcept;
void set_least_level(Level least) noexcept;
Level least_level() noexcept;

/// True if a record of this level would be written: lets callers skip building it.
bool enabled(Level level) noexcept;

void write(const Record& record);
void write(Level level, std::string_view text, Fields fields = {}, Event event = Event::none);

/// Reaches the sink whatever the least level is: what somebody asked for by name.
void write_always(const Record& record);

/// Text from a peer (program name, reader name, driver message) made safe for one log line:
/// control and non-ASCII bytes as \xHH, cut at 256 characters.
std::string escape(std::string_view untrusted);

/// The record with control and non-ASCII bytes of its text and fields as \xHH: one line, whatever
/// its writer forgot to escape. For sinks.
Record one_line(Record record);

/// Bytes for one log line: "3B 80 80". What is beyond `shown_max` bytes is only counted.
std::string hex(std::span<const unsigned char> bytes, std::size_t shown_max);

}  // namespace cardea::log
