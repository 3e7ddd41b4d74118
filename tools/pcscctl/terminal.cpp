#include "tools/pcscctl/terminal.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace cardea::ctl {
namespace {

constexpr std::size_t kGap = 2;

const char* code_of(Colour colour) {
  switch (colour) {
    case Colour::none:
      return "";
    case Colour::bold:
      return "\033[1m";
    case Colour::dim:
      return "\033[2m";
    case Colour::red:
      return "\033[31m";
    case Colour::green:
      return "\033[32m";
    case Colour::yellow:
      return "\033[33m";
    case Colour::cyan:
      return "\033[36m";
  }
  return "";
}

}  // namespace

Style Style::of_standard_output() {
  const char* terminal = std::getenv("TERM");
  const char* refused = std::getenv("NO_COLOR");
  const bool dumb = terminal == nullptr || std::strcmp(terminal, "dumb") == 0;
  return Style(::isatty(STDOUT_FILENO) == 1 && !dumb && (refused == nullptr || *refused == '\0'));
}

std::string Style::paint(Colour colour, std::string_view text) const {
  if (!coloured_ || colour == Colour::none || text.empty()) return std::string(text);
  return code_of(colour) + std::string(text) + "\033[0m";
}

Table::Table(std::vector<std::string> titles) {
  for (std::string& title : titles) titles_.push_back({std::move(title), Colour::bold});
}

std::string Table::text(const Style& style, std::size_t indent) const {
  std::vector<std::vector<Cell>> all{titles_};
  all.insert(all.end(), rows_.begin(), rows_.end());
  std::vector<std::size_t> widths(titles_.size(), 0);
  for (const auto& row : all) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].text.size());
    }
  }
  std::string out;
  for (const auto& row : all) {
    out.append(indent, ' ');
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      out += style.paint(row[i].colour, row[i].text);
      if (i + 1 < row.size()) out.append(widths[i] - row[i].text.size() + kGap, ' ');
    }
    out += '\n';
  }
  return out;
}

std::string age(std::int64_t ms) {
  constexpr std::int64_t kSecond = 1000;
  constexpr std::int64_t kMinute = 60 * kSecond;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  const auto both = [ms](std::int64_t big, const char* big_name, std::int64_t small,
                         const char* small_name) {
    std::string text = std::to_string(ms / big) + " " + big_name;
    if (const std::int64_t rest = ms % big / small; rest > 0) {
      text += " " + std::to_string(rest) + " " + small_name;
    }
    return text;
  };
  if (ms < kSecond) return std::to_string(ms) + " ms";
  if (ms < kMinute) return std::to_string(ms / kSecond) + " s";
  if (ms < kHour) return both(kMinute, "min", kSecond, "s");
  if (ms < kDay) return both(kHour, "h", kMinute, "min");
  return both(kDay, "d", kHour, "h");
}

std::string safe(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      out += c;
    } else {
      out += {'\\', 'x', kDigits[byte >> 4U], kDigits[byte & 0x0FU]};
    }
  }
  return out;
}

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t column = indent;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (!out.empty() && column + 1 + word.size() > width) {
      out += '\n';
      out.append(indent, ' ');
      column = indent;
    } else if (!out.empty()) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace cardea::ctl
