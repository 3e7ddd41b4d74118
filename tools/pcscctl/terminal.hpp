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

/// Puts colours around text, or not, and knows how long lines may be.
class Style {
 public:
  /// `width`: columns of the terminal; 0: there is none, and lines may be of any length.
  explicit Style(bool coloured, std::size_t width = 0) : coloured_(coloured), width_(width) {}
  /// Coloured if standard output is a terminal that can and NO_COLOR is not set.
  static Style of_standard_output();
  [[nodiscard]] bool is_terminal() const { return width_ > 0; }
  [[nodiscard]] bool fits(std::size_t columns) const { return width_ == 0 || columns <= width_; }
  /// For sentences, which nobody likes to read in long lines.
  [[nodiscard]] std::size_t sentence_width() const;
  /// Breaks lines that the terminal would break in the middle of a word; what comes after the
  /// first line begins with `indent` spaces. `column`: where the text begins.
  [[nodiscard]] std::string fit(std::string_view text, std::size_t column,
                                std::size_t indent) const;
  [[nodiscard]] std::string paint(Colour colour, std::string_view text) const;
  [[nodiscard]] bool is_coloured() const { return coloured_; }

 private:
  bool coloured_;
  std::size_t width_;
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
  /// Lines that begin with `indent` spaces and end with a line feed: one for each row, or, where
  /// they would be too long, one for its first cell and one for the others.
  [[nodiscard]] std::string text(const Style& style, std::size_t indent) const;

 private:
  /// Of the columns from this one on.
  [[nodiscard]] std::vector<std::size_t> widths(std::size_t first) const;
  [[nodiscard]] std::string row_text(const std::vector<Cell>& row, bool in_two, const Style& style,
                                     std::size_t indent) const;

  std::vector<Cell> titles_;
  std::vector<std::vector<Cell>> rows_;
};

/// "850 ms", "12 s", "3 min 20 s", "2 h 5 min", "4 d 3 h".
std::string age(std::int64_t ms);

/// Control characters and what is no ASCII as \xHH.
std::string safe(std::string_view text);

/// Breaks text at spaces; all lines but the first begin with `indent` spaces, the first one at
/// `column`, which is `indent` if not given.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width = 80,
                    std::size_t column = SIZE_MAX);

}  // namespace cardea::ctl
