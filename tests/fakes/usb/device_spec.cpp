#include "tests/fakes/usb/device_spec.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace cardea::usb_fake {
namespace {

constexpr unsigned kCountMax = 1'000'000;
constexpr unsigned kShortMessageBytes = 271;

tl::unexpected<Error> bad(std::string_view what, std::string_view text) {
  return failure(ScardRv::invalid_parameter, std::string(what) + ": '" + std::string(text) + "'");
}

Result<unsigned> parse_number(std::string_view text, int base, unsigned max) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || value > max) {
    return bad("not a number in range", text);
  }
  return value;
}

Result<std::string> decode(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain.push_back(text[i]);
      continue;
    }
    const Result<unsigned> byte = parse_number(text.substr(i + 1, 2), 16, 0xFF);
    if (!byte || i + 2 >= text.size()) return bad("not %XX", text);
    plain.push_back(static_cast<char>(*byte));
    i += 2;
  }
  return plain;
}

Result<void> set_ids(DeviceSpec& spec, std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return bad("not VID:PID", text);
  const Result<unsigned> vendor = parse_number(text.substr(0, colon), 16, 0xFFFF);
  const Result<unsigned> product = parse_number(text.substr(colon + 1), 16, 0xFFFF);
  if (!vendor || !product) return bad("not VID:PID", text);
  spec.vendor_id = static_cast<std::uint16_t>(*vendor);
  spec.product_id = static_cast<std::uint16_t>(*product);
  return {};
}

Result<InterfaceSpec> parse_interface(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  InterfaceSpec interface;
  if (kind == "ccid") {
    interface.kind = InterfaceKind::ccid;
  } else if (kind == "vendor") {
    interface.kind = InterfaceKind::vendor_ccid;
  } else if (kind == "hid") {
    interface.kind = InterfaceKind::hid;
  } else if (kind == "other") {
    interface.kind = InterfaceKind::other;
  } else {
    return bad("not ccid, vendor, hid or other", kind);
  }
  if (colon == std::string_view::npos) return interface;
  Result<std::string> name = decode(text.substr(colon + 1));
  if (!name) return tl::make_unexpected(name.error());
  interface.name = std::move(*name);
  return interface;
}

Result<void> set_interfaces(DeviceSpec& spec, std::string_view text) {
  spec.interfaces.clear();
  while (true) {
    const std::size_t comma = text.find(',');
    Result<InterfaceSpec> interface = parse_interface(text.substr(0, comma));
    if (!interface) return tl::make_unexpected(interface.error());
    spec.interfaces.push_back(std::move(*interface));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return spec.interfaces.size() <= kInterfacesMax ? Result<void>{} : bad("too many", text);
}

Result<void> set_level(DeviceSpec& spec, std::string_view text) {
  if (text == "tpdu") {
    spec.level = ExchangeLevel::tpdu;
  } else if (text == "short") {
    spec.level = ExchangeLevel::short_apdu;
  } else if (text == "ext") {
    spec.level = ExchangeLevel::extended_apdu;
  } else {
    return bad("not tpdu, short or ext", text);
  }
  return {};
}

template <typename Value>
Result<void> store(Value& target, Result<Value> parsed) {
  if (!parsed) return tl::make_unexpected(parsed.error());
  target = std::move(*parsed);
  return {};
}

Result<void> set_slots(DeviceSpec& spec, std::string_view text) {
  const Result<unsigned> slots = parse_count(text, kSlotsMax);
  if (!slots || *slots == 0) return bad("not a number of slots", text);
  spec.slots = *slots;
  return {};
}

Result<void> set_delay(DeviceSpec& spec, std::string_view text) {
  const Result<unsigned> delay_ms = parse_count(text, kCountMax);
  if (!delay_ms) return tl::make_unexpected(delay_ms.error());
  spec.answer_delay = milliseconds(*delay_ms);
  return {};
}

struct Key {
  std::string_view name;
  Result<void> (*set)(DeviceSpec&, std::string_view);
};

using Text = std::string_view;
constexpr std::array kKeys = {
    Key{"id", set_ids},
    Key{"interfaces", set_interfaces},
    Key{"slots", set_slots},
    Key{"level", set_level},
    Key{"answer_delay_ms", set_delay},
    Key{"manufacturer", [](DeviceSpec& s, Text t) { return store(s.manufacturer, decode(t)); }},
    Key{"product", [](DeviceSpec& s, Text t) { return store(s.product, decode(t)); }},
    Key{"serial", [](DeviceSpec& s, Text t) { return store(s.serial, decode(t)); }},
    Key{"message_bytes",
        [](DeviceSpec& s, Text t) {
          return store(s.message_bytes, parse_count(t, kMessageBytesMax));
        }},
    Key{"pinpad", [](DeviceSpec& s, Text t) { return store(s.pinpad, parse_switch(t)); }},
    Key{"hub", [](DeviceSpec& s, Text t) { return store(s.is_hub, parse_switch(t)); }},
    Key{"card", [](DeviceSpec& s, Text t) { return store(s.card, parse_card_kind(t)); }},
    Key{"atr", [](DeviceSpec& s, Text t) { return store(s.atr, parse_atr(t)); }},
    Key{"ignore", [](DeviceSpec& s, Text t) { return store(s.ignored, parse_switch(t)); }},
    Key{"node", [](DeviceSpec& s, Text t) { return store(s.has_node, parse_switch(t)); }},
    Key{"uevent", [](DeviceSpec& s, Text t) { return store(s.announced, parse_switch(t)); }},
    Key{"fail_claims",
        [](DeviceSpec& s, Text t) { return store(s.failing_claims, parse_count(t, kCountMax)); }},
    Key{"fail_answers",
        [](DeviceSpec& s, Text t) { return store(s.failing_answers, parse_count(t, kCountMax)); }},
};

}  // namespace

unsigned DeviceSpec::message_bytes_of_level() const {
  if (message_bytes != 0) return message_bytes;
  return level == ExchangeLevel::extended_apdu ? kMessageBytesMax : kShortMessageBytes;
}

Result<CardKind> parse_card_kind(std::string_view text) {
  if (text == "hello") return CardKind::hello;
  if (text == "mute") return CardKind::mute;
  if (text == "none") return CardKind::none;
  return bad("not hello, mute or none", text);
}

Result<virtual_reader::AtrKind> parse_atr(std::string_view text) {
  if (const auto kind = virtual_reader::atr_kind_from(text)) return *kind;
  return bad("not t0, t1 or t01", text);
}

Result<unsigned> parse_count(std::string_view text, unsigned max) {
  return parse_number(text, 10, max);
}

Result<bool> parse_switch(std::string_view text) {
  if (text == "on") return true;
  if (text == "off") return false;
  return bad("not on or off", text);
}

Result<DeviceSpec> parse_device_spec(std::span<const std::string_view> words) {
  DeviceSpec spec;
  for (const std::string_view word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) return bad("not KEY=VALUE", word);
    const std::string_view name = word.substr(0, equals);
    const auto* key = std::ranges::find(kKeys, name, &Key::name);
    if (key == kKeys.end()) return bad("unknown key", name);
    if (const Result<void> done = key->set(spec, word.substr(equals + 1)); !done) {
      return tl::make_unexpected(done.error());
    }
  }
  return spec;
}

}  // namespace cardea::usb_fake
