#include "tools/pcscctl/explain_view.hpp"

#include <algorithm>

namespace cardea::ctl {
namespace {

constexpr std::size_t kBytesWidthMax = 12;

/// Bytes, name and meaning in columns; bytes that are too long for theirs get a line of their own.
std::string parts_text(const std::vector<AtrPart>& parts, std::size_t indent, const Style& style) {
  std::size_t name_width = 0;
  std::size_t bytes_width = 0;
  for (const AtrPart& part : parts) {
    name_width = std::max(name_width, part.name.size());
    if (part.bytes.size() <= kBytesWidthMax) bytes_width = std::max(bytes_width, part.bytes.size());
  }
  std::string out;
  for (const AtrPart& part : parts) {
    std::string bytes = part.bytes;
    out.append(indent, ' ');
    if (bytes.size() > bytes_width) {
      out += style.paint(Colour::cyan, bytes) + "\n" + std::string(indent, ' ');
      bytes.clear();
    }
    std::string name = part.name;
    const std::string gap(bytes_width - bytes.size() + 2, ' ');
    if (!part.text.empty()) name.resize(name_width + 2, ' ');
    out += style.paint(Colour::cyan, bytes) + gap + style.paint(Colour::bold, name);
    out += wrapped(safe(part.text), indent + bytes_width + 2 + name_width + 2,
                   style.sentence_width()) +
           "\n";
  }
  return out;
}

Json parts_json(const std::vector<AtrPart>& parts) {
  Json list = Json::array();
  for (const AtrPart& part : parts) {
    list.push_back({{"bytes", part.bytes}, {"name", part.name}, {"text", part.text}});
  }
  return list;
}

}  // namespace

std::string atr_text(const AtrAnalysis& analysis, const Style& style) {
  std::string out = style.paint(Colour::bold, analysis.atr) + "\n\n";
  out += parts_text(analysis.parts, 2, style);
  if (!analysis.history.empty()) {
    out += "\nHistorical bytes\n" + parts_text(analysis.history, 2, style);
  }
  if (!analysis.summary.empty()) out += "\nThe card\n";
  for (const std::string& line : analysis.summary) out += "  " + line + "\n";
  if (!analysis.names.empty()) out += "\nCards with this ATR\n";
  for (const std::string& line : analysis.names) out += "  " + line + "\n";
  if (!analysis.problems.empty()) out += "\nAgainst the standard\n";
  for (const std::string& line : analysis.problems) {
    out += "  " + style.paint(Colour::red, line) + "\n";
  }
  return out;
}

Json atr_json(const AtrAnalysis& analysis) {
  return {{"atr", analysis.atr},
          {"parts", parts_json(analysis.parts)},
          {"history", parts_json(analysis.history)},
          {"summary", analysis.summary},
          {"names", analysis.names},
          {"problems", analysis.problems}};
}

}  // namespace cardea::ctl
