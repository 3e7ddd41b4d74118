#include "tools/pcscctl/doctor/doctor_view.hpp"

#include <algorithm>

namespace cardea::ctl {
namespace {

constexpr std::size_t kTitleWidth = 14;
constexpr std::size_t kMarkWidth = 9;

struct Mark {
  const char* word;
  Colour colour;
};

Mark mark_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::good:
      return {"good", Colour::green};
    case Verdict::note:
      return {"note", Colour::cyan};
    case Verdict::warning:
      return {"warning", Colour::yellow};
    case Verdict::fault:
      return {"fault", Colour::red};
  }
  return {"", Colour::none};
}

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

std::size_t count_of(const std::vector<Examined>& all, Verdict verdict) {
  std::size_t count = 0;
  for (const Examined& one : all) {
    count += static_cast<std::size_t>(
        std::count_if(one.findings.begin(), one.findings.end(),
                      [verdict](const Finding& finding) { return finding.verdict == verdict; }));
  }
  return count;
}

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

std::vector<Examined> examine(const Host& host) {
  std::vector<Examined> all;
  for (const Check& check : all_checks()) all.push_back({check.title, check.run(host)});
  return all;
}

Verdict worst_of(const std::vector<Examined>& all) {
  Verdict worst = Verdict::good;
  for (const Examined& one : all) {
    for (const Finding& finding : one.findings) worst = std::max(worst, finding.verdict);
  }
  return worst;
}

std::string doctor_text(const std::vector<Examined>& all, const Style& style) {
  constexpr std::size_t kIndent = kTitleWidth + kMarkWidth;
  std::string out;
  for (const Examined& one : all) {
    std::string title = one.title;
    for (const Finding& finding : one.findings) {
      const Mark mark = mark_of(finding.verdict);
      out += style.paint(Colour::bold, padded(std::exchange(title, ""), kTitleWidth));
      out += style.paint(mark.colour, padded(mark.word, kMarkWidth));
      out += wrapped(safe(finding.text), kIndent, style.sentence_width()) + "\n";
      if (finding.remedy.empty()) continue;
      out += std::string(kIndent, ' ') + style.paint(Colour::dim, "-> ") +
             wrapped(safe(finding.remedy), kIndent + 3, style.sentence_width()) + "\n";
      // Whoever copies it does not want it broken.
      if (!finding.line.empty()) out += std::string(kIndent + 3, ' ') + safe(finding.line) + "\n";
    }
  }
  const std::size_t faults = count_of(all, Verdict::fault);
  const std::size_t warnings = count_of(all, Verdict::warning);
  if (faults + warnings == 0)
    return out + "\n" + style.paint(Colour::green, "Nothing is wrong.") + "\n";
  const Colour colour = faults > 0 ? Colour::red : Colour::yellow;
  return out + "\n" +
         style.paint(colour, counted(faults, "fault") + ", " + counted(warnings, "warning")) + "\n";
}

Json doctor_json(const std::vector<Examined>& all) {
  Json list = Json::array();
  for (const Examined& one : all) {
    for (const Finding& finding : one.findings) {
      list.push_back({{"check", one.title},
                      {"id", finding.id},
                      {"verdict", mark_of(finding.verdict).word},
                      {"text", safe(finding.text)},
                      {"remedy", safe(finding.remedy)},
                      {"line", safe(finding.line)}});
    }
  }
  return list;
}

}  // namespace cardea::ctl
