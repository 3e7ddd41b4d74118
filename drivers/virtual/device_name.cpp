#include "drivers/virtual/device_name.hpp"

#include <array>
#include <charconv>

#include "base/log.hpp"

namespace cardea::virtual_reader {
namespace {

constexpr std::string_view kPrefix = "virtual:";
constexpr unsigned kPortMax = 65535;

/// Empty: fine; else what is wrong with the value.
using Problem = std::string;

Problem set_slots(std::string_view value, ReaderSettings& settings) {
  const std::optional<unsigned> slots = parse_number(value, 1, kSlotsMax);
  if (!slots) return "slots is not a number of 1..255";
  settings.slots = *slots;
  return {};
}

Problem set_card(std::string_view value, ReaderSettings& settings) {
  if (value == "hello") {
    settings.card = CardKind::hello;
  } else if (value == "none") {
    settings.card = CardKind::none;
  } else if (value == "mute") {
    settings.card = CardKind::mute;
  } else {
    return "card is not hello, none or mute";
  }
  return {};
}

Problem set_atr(std::string_view value, ReaderSettings& settings) {
  const std::optional<AtrKind> kind = atr_kind_from(value);
  if (!kind) return "atr is not t0, t1 or t01";
  settings.atr = *kind;
  return {};
}

Problem set_control(std::string_view value, ReaderSettings& settings) {
  // Absolute, because a daemon changes its working directory.
  if (value.empty() || value.front() != '/') return "control is not an absolute path";
  if (value.size() > kSocketPathBytesMax) return "control is longer than 107 characters";
  settings.control = value;
  return {};
}

Problem set_vpcd(std::string_view value, ReaderSettings& settings) {
  const std::optional<unsigned> port = parse_number(value, 0, kPortMax);
  if (!port) return "vpcd is not a port number of 0..65535";
  settings.vpcd_port = static_cast<std::uint16_t>(*port);
  return {};
}

Problem set_poll(std::string_view value, ReaderSettings& settings) {
  if (value != "event" && value != "timer") return "poll is not event or timer";
  settings.poll = value == "event" ? PollMode::event : PollMode::timer;
  return {};
}

struct Key {
  std::string_view name;
  Problem (*set)(std::string_view value, ReaderSettings& settings);
};

constexpr std::size_t kCardKey = 0;
constexpr std::size_t kAtrKey = 1;
constexpr std::array<Key, 6> kKeys = {{{"card", set_card},
                                       {"atr", set_atr},
                                       {"slots", set_slots},
                                       {"control", set_control},
                                       {"vpcd", set_vpcd},
                                       {"poll", set_poll}}};

using KeysSeen = std::array<bool, kKeys.size()>;

Problem apply(std::string_view item, ReaderSettings& settings, KeysSeen& seen) {
  const std::size_t equals = item.find('=');
  if (equals == std::string_view::npos) return "'" + log::escape(item) + "' is not key=value";
  const std::string_view name = item.substr(0, equals);
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    if (kKeys[i].name != name) continue;
    if (seen[i]) return "key '" + std::string(name) + "' is given twice";
    seen[i] = true;
    return kKeys[i].set(item.substr(equals + 1), settings);
  }
  return "unknown key '" + log::escape(name) + "'";
}

Problem check_together(const ReaderSettings& settings, const KeysSeen& seen) {
  if (!settings.vpcd_port) return {};
  const bool has_card = seen[kCardKey] && settings.card != CardKind::none;
  if (has_card || seen[kAtrKey])
    return "card and atr make no sense with vpcd: the card comes over TCP";
  const unsigned port = *settings.vpcd_port;
  if (port != 0 && port + settings.slots - 1 > kPortMax) {
    return "vpcd and slots need ports above 65535";
  }
  return {};
}

}  // namespace

std::optional<unsigned> parse_number(std::string_view text, unsigned lowest, unsigned highest) {
  unsigned number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number < lowest || number > highest) {
    return std::nullopt;
  }
  return number;
}

Result<ReaderSettings> parse_device_name(std::string_view name) {
  if (!name.starts_with(kPrefix)) {
    return failure(ScardRv::invalid_parameter, "the name does not start with 'virtual:'");
  }
  std::string_view rest = name.substr(kPrefix.size());
  ReaderSettings settings;
  KeysSeen seen{};
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    Problem problem = apply(rest.substr(0, colon), settings, seen);
    if (!problem.empty()) return failure(ScardRv::invalid_parameter, std::move(problem));
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  }
  Problem problem = check_together(settings, seen);
  if (!problem.empty()) return failure(ScardRv::invalid_parameter, std::move(problem));
  if (settings.vpcd_port) settings.card = CardKind::none;
  return settings;
}

std::string_view device_name_usage() {
  return "virtual:slots=1..255:card=hello|none|mute:atr=t0|t1|t01:control=PATH:vpcd=PORT:"
         "poll=event|timer (every key may be left out)";
}

}  // namespace cardea::virtual_reader
