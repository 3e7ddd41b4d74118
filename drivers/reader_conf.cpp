#include "drivers/reader_conf.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "drivers/reader_name.hpp"

namespace cardea {
namespace {

enum Key : std::size_t { kFriendlyName, kDeviceName, kLibPath, kChannelId, kKeys };

constexpr std::array<std::string_view, kKeys> kKeyNames{"FRIENDLYNAME", "DEVICENAME", "LIBPATH",
                                                        "CHANNELID"};

struct Token {
  enum class Kind { end, word, quoted, bad };
  Kind kind = Kind::end;
  std::string_view text;  ///< for bad tokens: what is wrong
};

Token bad(std::string_view complaint) { return {Token::Kind::bad, complaint}; }

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

bool ends_token(std::string_view rest) {
  return rest.empty() || is_blank(rest.front()) || rest.front() == '#';
}

Token quoted_token(std::string_view& rest) {
  const std::size_t end = rest.find(rest.front(), 1);
  if (end == std::string_view::npos) return bad("the closing quote is missing");
  const std::string_view text = rest.substr(1, end - 1);
  rest.remove_prefix(end + 1);
  if (std::any_of(text.begin(), text.end(), is_control)) {
    return bad("control characters are not allowed in a value");
  }
  if (!ends_token(rest)) return bad("text follows directly after a closing quote");
  return {Token::Kind::quoted, text};
}

/// Takes the next token of a line off `rest`.
Token next_token(std::string_view& rest) {
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  if (ends_token(rest)) return {};
  if (rest.front() == '"' || rest.front() == '\'') return quoted_token(rest);
  std::size_t length = 0;
  for (; !ends_token(rest.substr(length)); ++length) {
    const char c = rest[length];
    if (is_control(c)) return bad("control characters are not allowed outside comments");
    if (c == '"' || c == '\'') return bad("a quote stands inside a word");
  }
  const Token token{Token::Kind::word, rest.substr(0, length)};
  rest.remove_prefix(length);
  return token;
}

bool equal_ignoring_case(std::string_view text, std::string_view capitals) {
  return std::equal(text.begin(), text.end(), capitals.begin(), capitals.end(), [](char a, char b) {
    return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
  });
}

std::optional<Key> find_key(std::string_view text) {
  for (std::size_t i = 0; i < kKeys; ++i) {
    if (equal_ignoring_case(text, kKeyNames[i])) return static_cast<Key>(i);
  }
  return std::nullopt;
}

/// C syntax: 0x1F, 037, 31.
std::optional<std::uint32_t> parse_channel(std::string_view text) {
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
  }
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

class Parser {
 public:
  explicit Parser(std::string file) : file_(std::move(file)) {}

  ReaderConf run(std::string_view text) {
    if (text.size() > kReaderConfBytesMax) {
      add_problem(conf_, {file_, 0,
                          "the file has more than " + std::to_string(kReaderConfBytesMax) +
                              " bytes; all of it is ignored"});
      return std::move(conf_);
    }
    while (!text.empty()) {
      ++line_;
      const std::size_t end = std::min(text.find('\n'), text.size());
      std::string_view line = text.substr(0, end);
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      parse_line(line);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    finish_entry();
    return std::move(conf_);
  }

 private:
  struct Draft {
    unsigned line = 0;    ///< 0: nothing yet
    bool broken = false;  ///< has its problem already
    std::array<bool, kKeys> seen{};
    ReaderConfEntry entry;
  };

  void parse_line(std::string_view rest) {
    for (;;) {
      const Token name = next_token(rest);
      if (name.kind == Token::Kind::end) return;
      if (name.kind == Token::Kind::bad) {
        start_entry();
        return spoil(name.text);
      }
      const auto key = name.kind == Token::Kind::word ? find_key(name.text) : std::nullopt;
      if (!key) {
        start_entry();
        return spoil("\"" + log::escape(name.text) +
                     "\" is not a key (FRIENDLYNAME, DEVICENAME, LIBPATH, CHANNELID; a value with "
                     "spaces needs quotes)");
      }
      if (!first_key_) first_key_ = *key;
      const bool opens_entry = *key == kFriendlyName && first_key_ == kFriendlyName;
      if (opens_entry || draft_.seen[*key]) finish_entry();
      start_entry();
      draft_.seen[*key] = true;
      if (name.text != kKeyNames[*key]) {
        spoil("the key " + log::escape(name.text) + " must be written in capitals");
      }
      const Token value = next_token(rest);
      if (value.kind == Token::Kind::bad) return spoil(value.text);
      if (value.kind == Token::Kind::end) {
        return spoil(std::string(kKeyNames[*key]) + " has no value on its line");
      }
      set(*key, value.text);
    }
  }

  void set(Key key, std::string_view value) {
    if (value.empty() && key != kFriendlyName) {
      return spoil(std::string(kKeyNames[key]) + " is empty");
    }
    if (key != kFriendlyName && value.size() > kReaderConfPathBytesMax) {
      return spoil(std::string(kKeyNames[key]) + " has more than " +
                   std::to_string(kReaderConfPathBytesMax) + " bytes");
    }
    switch (key) {
      case kFriendlyName:
        if (value.size() > kReaderBaseNameBytesMax) {
          problem("FRIENDLYNAME has " + std::to_string(value.size()) + " bytes, " +
                  std::to_string(kReaderBaseNameBytesMax) + " fit; the reader's name is cut");
        }
        draft_.entry.friendly_name = value;
        break;
      case kDeviceName:
        draft_.entry.device_name = value;
        break;
      case kLibPath:
        draft_.entry.library_path = value;
        break;
      default:
        if (const auto channel = parse_channel(value)) {
          draft_.entry.channel = *channel;
        } else {
          spoil("CHANNELID " + log::escape(value) +
                " is not a number from 0 to 4294967295 (0x.. is hexadecimal, 0.. octal)");
        }
    }
  }

  void start_entry() {
    if (std::count(draft_.seen.begin(), draft_.seen.end(), true) == kKeys) finish_entry();
    if (draft_.line == 0) draft_.line = line_;
  }

  /// The entry at hand, which has been started, is lost.
  void spoil(std::string_view what) {
    draft_.broken = true;
    problem(std::string(what) + "; the reader entry that starts on line " +
            std::to_string(draft_.line) + " is ignored");
  }

  void problem(std::string text) { add_problem(conf_, {file_, line_, std::move(text)}); }

  void finish_entry() {
    Draft draft = std::exchange(draft_, Draft{});
    if (draft.line == 0 || draft.broken) return;
    std::string missing;
    if (!draft.seen[kFriendlyName]) missing += " FRIENDLYNAME";
    if (!draft.seen[kLibPath]) missing += " LIBPATH";
    if (!draft.seen[kDeviceName] && !draft.seen[kChannelId]) missing += " DEVICENAME-or-CHANNELID";
    if (!missing.empty()) {
      add_problem(conf_, {file_, draft.line,
                          "the reader entry that starts here is ignored, it lacks:" + missing});
      return;
    }
    draft.entry.file = file_;
    draft.entry.line = draft.line;
    add_entry(conf_, std::move(draft.entry));
  }

  std::string file_;
  unsigned line_ = 0;
  std::optional<Key> first_key_;  ///< of the file; tells its style
  Draft draft_;
  ReaderConf conf_;
};

}  // namespace

void add_problem(ReaderConf& conf, ConfigProblem problem) {
  add_problem(conf.problems, kReaderConfProblemsMax, std::move(problem));
}

void add_entry(ReaderConf& conf, ReaderConfEntry entry) {
  if (conf.entries.size() >= kReaderConfEntriesMax) {
    add_problem(conf, {entry.file, entry.line,
                       "the reader entry that starts here is ignored, more than " +
                           std::to_string(kReaderConfEntriesMax) + " are not allowed"});
    return;
  }
  const auto twin =
      std::find_if(conf.entries.begin(), conf.entries.end(), [&entry](const ReaderConfEntry& e) {
        return e.friendly_name == entry.friendly_name && e.device_name == entry.device_name &&
               e.channel == entry.channel;
      });
  if (twin != conf.entries.end()) {
    add_problem(conf, {entry.file, entry.line,
                       "the reader entry that starts here is ignored, it has name, device and "
                       "channel of the one at " +
                           log::escape(twin->file) + ":" + std::to_string(twin->line)});
    return;
  }
  entry.order = static_cast<unsigned>(conf.entries.size());
  conf.entries.push_back(std::move(entry));
}

ReaderConf parse_reader_conf(std::string_view text, std::string file_name) {
  return Parser(std::move(file_name)).run(text);
}

}  // namespace cardea
