#include "drivers/driver_text.hpp"

#include <algorithm>

namespace cardea {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdefABCDEF";
constexpr std::string_view kSeparators = " \t\r\n:,;-.|";

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// The whole bytes in hexadecimal at `at`, up to the end of the word, and where they end; 0 bytes
/// if the word is anything else.
struct Word {
  std::size_t bytes = 0;
  std::size_t end = 0;
};

Word word_at(std::string_view text, std::size_t at) {
  std::size_t first = at;
  if (text.substr(at, 2) == "0x" || text.substr(at, 2) == "0X") first += 2;
  std::size_t end = std::min(text.find_first_not_of(kHexDigits, first), text.size());
  const std::size_t digits = end - first;
  // As assemblers write it: 31h.
  if (end < text.size() && text[end] == 'h') ++end;
  if (digits == 0 || digits % 2 != 0 || (end < text.size() && is_word(text[end]))) return {};
  return {digits / 2, end};
}

struct Run {
  std::size_t bytes = 0;
  std::size_t words = 0;
  std::size_t end = 0;
};

Run run_at(std::string_view text, std::size_t at) {
  Run run;
  for (;;) {
    const Word word = word_at(text, at);
    if (word.bytes == 0) return run;
    run = {run.bytes + word.bytes, run.words + 1, word.end};
    at = text.find_first_not_of(kSeparators, run.end);
    if (at == std::string_view::npos || at == run.end) return run;
  }
}

bool is_dump(const Run& run) { return run.bytes >= (run.words > 1 ? kRunBytesMin : kWordBytesMin); }

}  // namespace

std::string hidden_bytes(std::size_t bytes) {
  return "(" + std::to_string(bytes) + " bytes, not shown)";
}

std::string without_dumps(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const bool begins_word = at == 0 || !is_word(text[at - 1]);
    const Run run = begins_word ? run_at(text, at) : Run{};
    if (is_dump(run)) {
      out += hidden_bytes(run.bytes);
      at = run.end;
    } else {
      out += text[at++];
    }
  }
  return out;
}

}  // namespace cardea
