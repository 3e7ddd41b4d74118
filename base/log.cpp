#include "base/log.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>

#include "base/apdu_mask.hpp"

namespace cardea::log {
namespace {

constexpr std::size_t kEscapedCharactersMax = 256;

std::atomic<Sink> g_sink{nullptr};
std::atomic<Level> g_least{Level::info};

bool is_unprintable(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte >= 0x7F;
}

void append_escaped(std::string& out, char c, bool escaped) {
  if (!escaped) {
    out += c;
    return;
  }
  char hex[8];
  std::snprintf(hex, sizeof hex, "\\x%02X", static_cast<unsigned char>(c));
  out += hex;
}

void make_one_line(std::string& text) {
  if (std::ranges::none_of(text, is_unprintable)) return;
  std::string out;
  for (const char c : text) append_escaped(out, c, is_unprintable(c));
  text = std::move(out);
}

}  // namespace

void set_sink(Sink sink, Level least) noexcept {
  g_least = least;
  g_sink = sink;
}

void set_least_level(Level least) noexcept { g_least = least; }

Level least_level() noexcept { return g_least; }

bool enabled(Level level) noexcept {
  return g_sink.load(std::memory_order_relaxed) != nullptr &&
         level >= g_least.load(std::memory_order_relaxed);
}

void write(const Record& record) {
  if (enabled(record.level)) g_sink.load()(record);
}

void write(Level level, std::string_view text, Fields fields, Event event) {
  if (enabled(level)) write(Record{level, std::string(text), std::move(fields), event});
}

void write_always(const Record& record) {
  if (const Sink sink = g_sink.load()) sink(record);
}

std::string escape(std::string_view untrusted) {
  std::string out;
  for (const char c : untrusted) {
    if (out.size() >= kEscapedCharactersMax) {
      out += "...";
      break;
    }
    append_escaped(out, c, is_unprintable(c) || c == '\\');
  }
  return out;
}

Record one_line(Record record) {
  make_one_line(record.text);
  for (auto& [name, value] : record.fields) make_one_line(value);
  return record;
}

std::string hex(std::span<const unsigned char> bytes, std::size_t shown_max) {
  std::string text = masked_hex(bytes, /*secret=*/{}, shown_max);
  if (bytes.size() > shown_max) text += " ... (" + std::to_string(bytes.size()) + " bytes)";
  return text;
}

}  // namespace cardea::log
