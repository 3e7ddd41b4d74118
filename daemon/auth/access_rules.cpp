#include "daemon/auth/access_rules.hpp"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "base/log.hpp"
#include "base/result.hpp"

namespace cardea::auth {
namespace {

constexpr std::size_t kLineBytesMax = 1'000;

using Word = std::pair<std::string, std::string>;  // key, value; the verb has no value

Error problem(const std::string& what) { return Error{ScardRv::invalid_parameter, what}; }

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/// `key=value key="with blanks"`, up to a comment.
Result<std::vector<Word>> split(std::string_view line) {
  std::vector<Word> words;
  for (std::size_t at = 0; at < line.size();) {
    if (is_blank(line[at])) {
      ++at;
      continue;
    }
    if (line[at] == '#') break;
    Word word;
    while (at < line.size() && !is_blank(line[at]) && line[at] != '=') word.first += line[at++];
    if (at < line.size() && line[at] == '=') {
      const bool quoted = ++at < line.size() && line[at] == '"';
      if (quoted) ++at;
      const std::size_t begin = at;
      while (at < line.size() && (quoted ? line[at] != '"' : !is_blank(line[at]))) ++at;
      if (quoted && at == line.size()) return tl::make_unexpected(problem("a quote is not closed"));
      word.second = line.substr(begin, at - begin);
      if (quoted && ++at < line.size() && !is_blank(line[at])) {
        return tl::make_unexpected(problem("there must be a blank behind a quote"));
      }
      if (word.second.empty()) {
        return tl::make_unexpected(problem(log::escape(word.first) + "= has no value"));
      }
    }
    words.push_back(std::move(word));
  }
  return words;
}

/// A number, or a name.
template <typename Id>
Result<Id> id_of(const Word& word, const std::function<std::optional<Id>(const std::string&)>& find,
                 const char* what) {
  const std::string& text = word.second;
  Id id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error == std::errc() && end == text.data() + text.size()) return id;
  const auto found = find(text);
  if (found) return *found;
  return tl::make_unexpected(
      problem(word.first + "=" + log::escape(text) + ": there is no such " + what));
}

Result<void> set_sandbox(AccessRule& rule, const std::string& value) {
  if (value == "any") {
    rule.any_sandbox = true;
    return {};
  }
  for (const SandboxKind kind :
       {SandboxKind::none, SandboxKind::flatpak, SandboxKind::snap, SandboxKind::container}) {
    if (value != to_string(kind)) continue;
    rule.sandbox = kind;
    return {};
  }
  return tl::make_unexpected(
      problem("sandbox= is flatpak, snap, container, any or none, not " + log::escape(value)));
}

Result<void> set_action(AccessRule& rule, const std::string& value) {
  if (value != "pcsc" && value != "card") {
    return tl::make_unexpected(problem("action= is pcsc or card, not " + log::escape(value)));
  }
  rule.action = value == "pcsc" ? core::AccessKind::pcsc : core::AccessKind::card;
  return {};
}

Result<void> set_condition(AccessRule& rule, const Word& word, const NameService& names) {
  const auto& [key, value] = word;
  if (key == "uid") {
    return id_of<uid_t>(word, names.user, "user").map([&](uid_t id) { rule.uid = id; });
  }
  if (key == "gid") {
    return id_of<gid_t>(word, names.group, "group").map([&](gid_t id) { rule.gid = id; });
  }
  if (key == "sandbox") return set_sandbox(rule, value);
  if (key == "action") return set_action(rule, value);
  if (key == "app") {
    rule.app = value;
  } else if (key == "reader") {
    rule.reader = value;
  } else {
    return tl::make_unexpected(problem("\"" + log::escape(key) +
                                       "\" is none of uid=, gid=, app=, sandbox=, reader=, "
                                       "action="));
  }
  return {};
}

Result<void> check(const AccessRule& rule) {
  const bool by_sandbox =
      rule.app || rule.any_sandbox || (rule.sandbox && *rule.sandbox != SandboxKind::none);
  if (rule.allow && by_sandbox && !rule.uid && !rule.gid) {
    return tl::make_unexpected(
        problem("allow with app= or sandbox= needs uid= or gid= as well: what a program is called "
                "is up to whoever starts it, so it may narrow a right but not give one"));
  }
  if (rule.reader && rule.action == core::AccessKind::pcsc) {
    return tl::make_unexpected(problem("reader= says nothing with action=pcsc"));
  }
  return {};
}

Result<std::optional<AccessRule>> parse_line(std::string_view line, const NameService& names) {
  if (line.size() > kLineBytesMax) {
    return tl::make_unexpected(
        problem("longer than " + std::to_string(kLineBytesMax) + " characters"));
  }
  const auto words = split(line);
  if (!words) return tl::make_unexpected(words.error());
  if (words->empty()) return std::optional<AccessRule>();
  const Word& verb = words->front();
  if (!verb.second.empty() || (verb.first != "allow" && verb.first != "deny")) {
    return tl::make_unexpected(problem("a rule begins with allow or deny"));
  }
  AccessRule rule;
  rule.allow = verb.first == "allow";
  std::vector<std::string> seen;
  for (auto word = words->begin() + 1; word != words->end(); ++word) {
    if (std::find(seen.begin(), seen.end(), word->first) != seen.end()) {
      return tl::make_unexpected(problem(log::escape(word->first) + "= stands there twice"));
    }
    seen.push_back(word->first);
    if (word->second.empty()) {
      return tl::make_unexpected(problem("\"" + log::escape(word->first) + "\" is no condition"));
    }
    if (auto set = set_condition(rule, *word, names); !set) return tl::make_unexpected(set.error());
  }
  if (auto checked = check(rule); !checked) return tl::make_unexpected(checked.error());
  return std::optional(rule);
}

bool fits_sandbox(const AccessRule& rule, const std::optional<Sandbox>& sandbox) {
  if (!rule.app && !rule.sandbox && !rule.any_sandbox) return true;
  // Who hides what he is gains nothing by it.
  if (!sandbox) return !rule.allow;
  if (rule.any_sandbox && sandbox->kind == SandboxKind::none) return false;
  if (rule.sandbox && sandbox->kind != *rule.sandbox) return false;
  return !rule.app || fits_pattern(sandbox->app, *rule.app);
}

bool fits_action(const AccessRule& rule, core::AccessKind kind, std::string_view reader) {
  if (rule.action && *rule.action != kind) return false;
  if (!rule.reader) return true;
  // Who may use one reader needs to be served for it; who may not use one is served for the others.
  if (kind == core::AccessKind::pcsc) return rule.allow && !rule.action;
  return fits_pattern(reader, *rule.reader);
}

/// getpwnam_r and getgrnam_r want a buffer of unknown size.
template <typename Entry, typename Find>
bool find_entry(const std::string& name, Entry& entry, const Find& find) {
  constexpr std::size_t kEntryBytesMax = 1 << 20;
  Entry* found = nullptr;
  for (std::vector<char> room(1024); room.size() <= kEntryBytesMax; room.resize(2 * room.size())) {
    const int error = find(name.c_str(), &entry, room.data(), room.size(), &found);
    if (error != ERANGE) return error == 0 && found != nullptr;
  }
  return false;
}

}  // namespace

NameService NameService::system() {
  NameService names;
  names.user = [](const std::string& name) -> std::optional<uid_t> {
    passwd entry{};
    return find_entry(name, entry, ::getpwnam_r) ? std::optional(entry.pw_uid) : std::nullopt;
  };
  names.group = [](const std::string& name) -> std::optional<gid_t> {
    struct group entry {};
    return find_entry(name, entry, ::getgrnam_r) ? std::optional(entry.gr_gid) : std::nullopt;
  };
  return names;
}

AccessRules AccessRules::parse(std::string_view text, const NameService& names,
                               std::vector<RuleProblem>& problems) {
  AccessRules rules;
  for (unsigned number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    auto rule = parse_line(line, names);
    if (!rule) {
      problems.push_back({number, rule.error().context});
    } else if (*rule) {
      (*rule)->line = number;
      rules.look_at_sandboxes_ =
          rules.look_at_sandboxes_ || (*rule)->app || (*rule)->sandbox || (*rule)->any_sandbox;
      rules.rules_.push_back(std::move(**rule));
    }
    if (rules.rules_.size() <= kRulesMax) continue;
    problems.push_back({number, "more than " + std::to_string(kRulesMax) + " rules"});
    break;
  }
  return rules;
}

const AccessRule* AccessRules::match(const Applicant& who, core::AccessKind kind,
                                     std::string_view reader) const {
  const auto fits = [&](const AccessRule& rule) {
    if (rule.uid && *rule.uid != who.uid) return false;
    const auto& groups = who.groups;
    if (rule.gid && std::find(groups.begin(), groups.end(), *rule.gid) == groups.end()) {
      return false;
    }
    return fits_sandbox(rule, who.sandbox) && fits_action(rule, kind, reader);
  };
  const auto rule = std::find_if(rules_.begin(), rules_.end(), fits);
  return rule == rules_.end() ? nullptr : &*rule;
}

bool fits_pattern(std::string_view text, std::string_view pattern) {
  std::size_t at = 0;
  std::size_t in_pattern = 0;
  std::optional<std::size_t> star;  // place of the last one
  std::size_t star_ends = 0;        // what it fits ends here
  while (at < text.size()) {
    const bool more = in_pattern < pattern.size();
    if (more && pattern[in_pattern] == '*') {
      star = in_pattern++;
      star_ends = at;
    } else if (more && (pattern[in_pattern] == '?' || pattern[in_pattern] == text[at])) {
      ++at;
      ++in_pattern;
    } else if (star) {
      in_pattern = *star + 1;
      at = ++star_ends;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', in_pattern) == std::string_view::npos;
}

}  // namespace cardea::auth
