#include "daemon/driver_modes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "daemon/named_rule.hpp"

namespace cardea {
namespace {

using Mode = DriverModes::Mode;

/// Of drivers that no rule names.
constexpr Mode kDefaultMode = Mode::hosted;

std::optional<Mode> parse_mode(std::string_view text) {
  if (text == "hosted") return Mode::hosted;
  if (text == "in-process") return Mode::in_process;
  return std::nullopt;
}

/// "usr" and "libccid.so" are parts of "/usr/lib/libccid.so".
bool has_part(std::string_view path, std::string_view name) {
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    if (part == name) return true;
    path.remove_prefix(std::min(path.size(), part.size() + 1));
  }
  return false;
}

constexpr std::array kLimits{
    std::pair<std::string_view, milliseconds HostLimits::*>{"open", &HostLimits::open},
    std::pair<std::string_view, milliseconds HostLimits::*>{"query", &HostLimits::query},
    std::pair<std::string_view, milliseconds HostLimits::*>{"power", &HostLimits::power},
    std::pair<std::string_view, milliseconds HostLimits::*>{"exchange", &HostLimits::exchange},
    std::pair<std::string_view, milliseconds HostLimits::*>{"stable", &HostLimits::stable},
};

/// Seconds with decimals; what is not zero is at least a millisecond.
std::optional<milliseconds> parse_seconds(std::string_view text) {
  double seconds = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!(seconds >= 0) || seconds * 1000 > static_cast<double>(kHostLimitMax.count())) {
    return std::nullopt;
  }
  return milliseconds(static_cast<milliseconds::rep>(std::ceil(seconds * 1000)));
}

}  // namespace

Result<void> DriverModes::add(std::string_view rule) {
  if (rules_.size() == kRulesMax) {
    return failure(ScardRv::invalid_parameter,
                   "--driver-host may be given " + std::to_string(kRulesMax) + " times, not more");
  }
  const NamedRule split = split_rule(rule);
  const auto mode = parse_mode(split.value);
  if (!mode || (split.has_name && split.name.empty())) {
    return failure(ScardRv::invalid_parameter,
                   "--driver-host takes hosted or in-process, or DRIVER= and one of them, not \"" +
                       std::string(rule) + "\"");
  }
  rules_.push_back({std::string(split.name), *mode});
  return {};
}

Result<void> DriverModes::add_limit(std::string_view rule) {
  const std::size_t equals = rule.find('=');
  const std::string_view kind = rule.substr(0, equals);
  const auto* const row = std::find_if(kLimits.begin(), kLimits.end(),
                                       [kind](const auto& known) { return known.first == kind; });
  std::optional<milliseconds> time;
  if (equals != std::string_view::npos) time = parse_seconds(rule.substr(equals + 1));
  const bool may_be_zero = kind == "stable";
  if (row == kLimits.end() || !time || (*time == milliseconds::zero() && !may_be_zero)) {
    return failure(ScardRv::invalid_parameter,
                   "--driver-limit takes open=, query=, power=, exchange= or stable= and a number "
                   "of seconds, not \"" +
                       std::string(rule) + "\"");
  }
  limits_.*(row->second) = *time;
  return {};
}

DriverModes::Mode DriverModes::general() const {
  Mode mode = kDefaultMode;
  for (const Rule& rule : rules_) {
    if (rule.name.empty()) mode = rule.mode;
  }
  return mode;
}

bool DriverModes::is_hosted(std::string_view library_path) const {
  Mode mode = general();
  for (const Rule& rule : rules_) {
    if (rule.name.empty()) continue;
    if (rule.name == library_path || has_part(library_path, rule.name)) mode = rule.mode;
  }
  return mode == Mode::hosted;
}

bool DriverModes::any_hosted() const {
  return general() == Mode::hosted ||
         std::any_of(rules_.begin(), rules_.end(), [](const Rule& rule) {
           return !rule.name.empty() && rule.mode == Mode::hosted;
         });
}

bool DriverModes::all_hosted() const {
  return general() == Mode::hosted &&
         std::none_of(rules_.begin(), rules_.end(), [](const Rule& rule) {
           return !rule.name.empty() && rule.mode == Mode::in_process;
         });
}

}  // namespace cardea
