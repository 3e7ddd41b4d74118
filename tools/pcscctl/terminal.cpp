#include "tools/pcscctl/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>

namespace cardea::ctl {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kUsualWidth = 80;
constexpr std::size_t kSentenceWidthMax = 96;

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
  if (::isatty(STDOUT_FILENO) != 1) return Style(false);
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return Style(!dumb && (refused == nullptr || *refused == '\0'),
               known ? size.ws_col : kUsualWidth);
}

std::size_t Style::sentence_width() const {
  return width_ == 0 ? kSentenceWidthMax : std::min(width_, kSentenceWidthMax);
}

std::string Style::fit(std::string_view text, std::size_t column, std::size_t indent) const {
  if (width_ == 0) return std::string(text);
  return wrapped(text, indent, width_, column);
}

std::string Style::paint(Colour colour, std::string_view text) const {
  if (!coloured_ || colour == Colour::none || text.empty()) return std::string(text);
  return code_of(colour) + std::string(text) + "\033[0m";
}

Table::Table(std::vector<std::string> titles) {
  for (std::string& title : titles) titles_.push_back({std::move(title), Colour::bold});
}

std::vector<std::size_t> Table::widths(std::size_t first) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = first; i < titles_.size(); ++i) {
    std::size_t width = titles_[i].text.size();
    for (const auto& row : rows_) {
      if (i < row.size()) width = std::max(width, row[i].text.size());
    }
    widths.push_back(width);
  }
  return widths;
}

std::string Table::text(const Style& style, std::size_t indent) const {
  const auto all = widths(0);
  const std::size_t columns =
      std::accumulate(all.begin(), all.end(), indent + (all.size() - 1) * kGap);
  const bool in_two = all.size() > 1 && !style.fits(columns);
  std::string out = row_text(titles_, in_two, style, indent);
  for (const auto& row : rows_) out += row_text(row, in_two, style, indent);
  return out;
}

std::string Table::row_text(const std::vector<Cell>& row, bool in_two, const Style& style,
                            std::size_t indent) const {
  std::string out(indent, ' ');
  if (in_two) {
    out += style.paint(row.front().colour, row.front().text) + "\n";
    out.append(indent + kGap, ' ');
  }
  const std::size_t first = in_two ? 1 : 0;
  const auto columns = widths(first);
  for (std::size_t i = first; i < row.size() && i < titles_.size(); ++i) {
    out += style.paint(row[i].colour, row[i].text);
    if (i + 1 < row.size()) out.append(columns[i - first] - row[i].text.size() + kGap, ' ');
  }
  return out + "\n";
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

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width,
                    std::size_t column) {
  std::string out;
  if (column == SIZE_MAX) column = indent;
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
