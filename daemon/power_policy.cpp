#include "daemon/power_policy.hpp"

#include <charconv>
#include <optional>

#include "daemon/named_rule.hpp"

namespace cardea {
namespace {

std::optional<PowerOff> parse_power_off(std::string_view text) {
  if (text == "never") return PowerOff{PowerOff::Kind::never, {}};
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (std::chrono::seconds(seconds) > PowerPolicy::kDelayMax) return std::nullopt;
  return PowerOff{PowerOff::Kind::after, std::chrono::seconds(seconds)};
}

}  // namespace

Result<void> PowerPolicy::add(std::string_view rule) {
  if (rules_.size() == kRulesMax) {
    return failure(ScardRv::invalid_parameter,
                   "--power-off may be given " + std::to_string(kRulesMax) + " times, not more");
  }
  const NamedRule split = split_rule(rule);
  const auto power_off = parse_power_off(split.value);
  if (!power_off || (split.has_name && split.name.empty())) {
    return failure(ScardRv::invalid_parameter,
                   "--power-off takes never, a number of seconds from 0 to " +
                       std::to_string(kDelayMax.count()) + ", or READER= and one of them, not \"" +
                       std::string(rule) + "\"");
  }
  rules_.push_back({std::string(split.name), *power_off});
  return {};
}

PowerOff PowerPolicy::for_reader(std::string_view name) const {
  PowerOff found;
  bool named = false;
  for (const Rule& rule : rules_) {
    const bool names_it = !rule.reader_part.empty();
    if (named && !names_it) continue;
    if (name.find(rule.reader_part) == std::string_view::npos) continue;
    found = rule.power_off;
    named = names_it;
  }
  return found;
}

}  // namespace cardea
