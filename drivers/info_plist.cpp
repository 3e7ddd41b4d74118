#include "drivers/info_plist.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/log.hpp"

namespace cardea {
namespace {

constexpr std::size_t kEntityBytesMax = 12;  ///< "&#x0010FFFF;"
constexpr std::size_t kShownBytesMax = 40;   ///< of foreign text in a problem

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string shown(std::string_view text) {
  return "\"" + log::escape(text.substr(0, kShownBytesMax)) + "\"";
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto low_bits = [code](unsigned shift) {
    return static_cast<char>(0x80 | ((code >> shift) & 0x3F));
  };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += {static_cast<char>(0xC0 | (code >> 6)), low_bits(0)};
  } else if (code < 0x10000) {
    out += {static_cast<char>(0xE0 | (code >> 12)), low_bits(6), low_bits(0)};
  } else {
    out += {static_cast<char>(0xF0 | (code >> 18)), low_bits(12), low_bits(6), low_bits(0)};
  }
}

/// The character of "#65" or "#x41"; nothing if there is none.
std::optional<std::uint32_t> character_reference(std::string_view name) {
  if (!name.starts_with('#')) return std::nullopt;
  name.remove_prefix(1);
  const int base = name.starts_with('x') ? 16 : 10;
  if (base == 16) name.remove_prefix(1);
  std::uint32_t code = 0;
  const char* const last = name.data() + name.size();
  const auto [end, error] = std::from_chars(name.data(), last, code, base);
  const bool is_surrogate = code >= 0xD800 && code < 0xE000;
  if (error != std::errc() || end != last || code == 0 || code > 0x10FFFF || is_surrogate) {
    return std::nullopt;
  }
  return code;
}

/// Takes an entity off the start of `rest`, or only its & if there is none.
void decode_entity(std::string_view& rest, std::string& out) {
  static constexpr std::array<std::pair<std::string_view, char>, 5> kEntities{
      {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};
  const std::size_t end = rest.substr(0, kEntityBytesMax).find(';');
  if (end != std::string_view::npos) {
    const std::string_view name = rest.substr(1, end - 1);
    const auto* const known = std::find_if(kEntities.begin(), kEntities.end(),
                                           [name](const auto& e) { return e.first == name; });
    const auto code = character_reference(name);
    if (known != kEntities.end()) out += known->second;
    if (code) append_utf8(out, *code);
    if (known != kEntities.end() || code) return rest.remove_prefix(end + 1);
  }
  out += '&';
  rest.remove_prefix(1);
}

/// A run of space with a control character in it becomes one space, or nothing at the ends.
std::string without_controls(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || is_control(c); };
  std::string out;
  while (!text.empty()) {
    const auto run = static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_blank) -
                                              text.begin());
    const std::string_view blanks = text.substr(0, run);
    if (std::none_of(blanks.begin(), blanks.end(), is_control)) {
      out += blanks;
    } else if (!out.empty() && run < text.size()) {
      out += ' ';
    }
    text.remove_prefix(run);
    const auto word =
        static_cast<std::size_t>(std::find_if(text.begin(), text.end(), is_blank) - text.begin());
    out += text.substr(0, word);
    text.remove_prefix(word);
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

struct Tag {
  std::string_view name;
  bool closes = false;    ///< </name>
  bool is_empty = false;  ///< <name/>
};

class Scanner {
 public:
  Scanner(std::string_view text, std::string file) : rest_(text), file_(std::move(file)) {}

  InfoPlist run() {
    if (rest_.size() > kInfoPlistBytesMax) return refuse(kInfoPlistBytesMax, "bytes");
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);  // byte order mark
    while (!rest_.empty()) {
      if (is_space(rest_.front())) {
        advance(1);
      } else if (rest_.front() == '#') {
        advance(std::min(rest_.find('\n'), rest_.size()));
      } else if (!skip_comment() && !skip_declaration()) {
        element_or_text();
      }
      if (plist_.keys.size() > kInfoPlistKeysMax) return refuse(kInfoPlistKeysMax, "keys");
      if (values_ > kInfoPlistValuesMax) return refuse(kInfoPlistValuesMax, "values");
    }
    return std::move(plist_);
  }

 private:
  InfoPlist refuse(std::size_t limit, const std::string& of_what) {
    plist_.keys.clear();
    problem(line_, "there are more than " + std::to_string(limit) + " " + of_what +
                       "; the whole file is ignored");
    return std::move(plist_);
  }

  void problem(unsigned line, std::string text) {
    add_problem(plist_.problems, kInfoPlistProblemsMax, {file_, line, std::move(text)});
  }

  void advance(std::size_t bytes) {
    const std::string_view passed = rest_.substr(0, bytes);
    line_ += static_cast<unsigned>(std::count(passed.begin(), passed.end(), '\n'));
    rest_.remove_prefix(bytes);
  }

  bool skip_comment() {
    if (!rest_.starts_with("<!--")) return false;
    const std::size_t end = rest_.find("-->", 4);
    if (end == std::string_view::npos) {
      problem(line_, "this comment has no end (-->); the rest of the file is ignored");
      advance(rest_.size());
    } else {
      advance(end + 3);
    }
    return true;
  }

  /// <?xml ...?> and <!DOCTYPE ...>
  bool skip_declaration() {
    if (!rest_.starts_with("<?") && !rest_.starts_with("<!")) return false;
    advance(std::min(rest_.find('>'), rest_.size() - 1) + 1);
    return true;
  }

  [[nodiscard]] bool at_tag() const {
    std::string_view name = rest_;
    if (!name.starts_with('<')) return false;
    name.remove_prefix(1);
    if (name.starts_with('/')) name.remove_prefix(1);
    return !name.empty() && is_letter(name.front());
  }

  /// To be called at_tag(). A tag without its > ends before the next < or at the end.
  Tag take_tag() {
    const std::size_t end = std::min(rest_.find_first_of("<>", 1), rest_.size());
    std::string_view inside = rest_.substr(1, end - 1);
    if (end == rest_.size() || rest_[end] == '<') {
      const auto shown_end = std::find_if(inside.begin(), inside.end(), is_control);
      const auto shown_bytes = static_cast<std::size_t>(shown_end - inside.begin());
      problem(line_, "the tag " + shown(rest_.substr(0, 1 + shown_bytes)) +
                         " lacks its >; it is read as if the > were there");
    }
    Tag tag;
    tag.closes = inside.starts_with('/');
    if (tag.closes) inside.remove_prefix(1);
    tag.is_empty = inside.ends_with('/');
    const auto name_end = std::find_if_not(inside.begin(), inside.end(), is_letter);
    tag.name = inside.substr(0, static_cast<std::size_t>(name_end - inside.begin()));
    advance(end < rest_.size() && rest_[end] == '>' ? end + 1 : end);
    return tag;
  }

  void element_or_text() {
    const unsigned line = line_;
    if (!at_tag()) return stray_text();
    const Tag tag = take_tag();
    if (tag.closes) return;
    if (tag.name == "key") {
      start_key(std::string(trimmed(take_text(tag, line))), line);
    } else if (tag.name == "string" || tag.name == "integer" || tag.name == "real" ||
               tag.name == "date" || tag.name == "data") {
      add_value({take_text(tag, line), line, tag.name == "integer"});
    } else if (tag.name == "true" || tag.name == "false") {
      add_value({std::string(tag.name), line, false});
    } else if (tag.name != "plist" && tag.name != "dict" && tag.name != "array") {
      problem(line, "no such element as " + shown(tag.name) +
                        " in a property list; its tags are ignored");
    }
  }

  void stray_text() {
    const unsigned line = line_;
    const std::size_t end = std::min(rest_.find_first_of("<\n", 1), rest_.size());
    std::string_view text = rest_.substr(0, end);
    if (text.ends_with('\r')) text.remove_suffix(1);
    advance(end);
    problem(line,
            "the text " + shown(text) + " stands outside of <key> and <string>; it is ignored");
  }

  /// What stands between `tag` and its end; without one, up to the next tag.
  std::string take_text(const Tag& tag, unsigned line) {
    if (tag.is_empty) return {};
    std::string text;
    while (!rest_.empty() && !at_tag()) {
      if (skip_comment()) continue;
      if (rest_.front() == '&') {
        decode_entity(rest_, text);
        continue;
      }
      text += rest_.front();
      advance(1);
    }
    const std::string close = "</" + std::string(tag.name);
    const bool is_named = rest_.starts_with(close);
    if (is_named && (rest_.size() == close.size() || !is_letter(rest_[close.size()]))) {
      take_tag();
    } else {
      problem(line, "<" + std::string(tag.name) + "> is not followed by " + close +
                        ">; the text up to the next tag is taken");
    }
    text = without_controls(text);
    if (text.size() > kInfoPlistTextBytesMax) {
      text.resize(kInfoPlistTextBytesMax);
      problem(line, "this text has more than " + std::to_string(kInfoPlistTextBytesMax) +
                        " bytes; the rest of it is ignored");
    }
    return text;
  }

  void start_key(std::string name, unsigned line) {
    const auto old = std::find_if(plist_.keys.begin(), plist_.keys.end(),
                                  [&name](const InfoPlistKey& key) { return key.name == name; });
    if (old != plist_.keys.end()) {
      problem(line, "the key " + shown(name) + " stands on line " + std::to_string(old->line) +
                        " already; what it says there is ignored");
      values_ -= old->values.size();
      plist_.keys.erase(old);
    }
    plist_.keys.push_back({std::move(name), line, {}});
  }

  void add_value(InfoPlistValue value) {
    if (plist_.keys.empty()) {
      return problem(value.line,
                     "the value " + shown(value.text) + " stands before any <key>; it is ignored");
    }
    plist_.keys.back().values.push_back(std::move(value));
    ++values_;
  }

  std::string_view rest_;
  unsigned line_ = 1;
  std::size_t values_ = 0;
  std::string file_;
  InfoPlist plist_;
};

}  // namespace

const InfoPlistKey* InfoPlist::find(std::string_view name) const {
  const auto key = std::find_if(keys.begin(), keys.end(),
                                [name](const InfoPlistKey& k) { return k.name == name; });
  return key != keys.end() ? &*key : nullptr;
}

InfoPlist parse_info_plist(std::string_view text, std::string file_name) {
  return Scanner(text, std::move(file_name)).run();
}

}  // namespace cardea
