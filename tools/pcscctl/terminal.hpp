// What people see: colours if they look at a terminal, and tables whose columns are as wide as
// what is in them. Text from outside is made safe first. Value types; main thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cardea::ctl {

enum class Colour { none, bold, dim, red, green, yellow, cyan };

/// Puts colours around text, or not.
class Style {
 public:
  explicit Style(bool coloured) : coloured_(coloured) {}
  /// Coloured if standard output is a terminal that can and NO_COLOR is not set.
  static Style of_standard_output();
  [[nodiscard]] std::string paint(Colour colour, std::string_view text) const;
  [[nodiscard]] bool is_coloured() const { return coloured_; }

 private:
  bool coloured_;
};

struct Cell {
  std::string text;
  Colour colour = Colour::none;
};

class Table {
 public:
  explicit Table(std::vector<std::string> titles);
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] bool is_empty() const { return rows_.empty(); }
  /// Lines that begin with `indent` spaces and end with a line feed.
  [[nodiscard]] std::string text(const Style& style, std::size_t indent) const;

 private:
  std::vector<Cell> titles_;
  std::vector<std::vector<Cell>> rows_;
};

/// "850 ms", "12 s", "3 min 20 s", "2 h 5 min", "4 d 3 h".
std::string age(std::int64_t ms);

/// Control characters and what is no ASCII as \xHH.
std::string safe(std::string_view text);

/// Breaks text at spaces; all lines but the first begin with `indent` spaces.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width = 80);

}  // namespace cardea::ctl
