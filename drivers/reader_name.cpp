#include "drivers/reader_name.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace cardea {
namespace {

constexpr std::size_t kSlotDigits = 2;

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

/// A character that needs no quotes anywhere.
bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
         c == '-' || c == '_';
}

void append_hex(std::string& text, unsigned value) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  text += kDigits[(value >> 4) & 0xF];
  text += kDigits[value & 0xF];
}

}  // namespace

std::string usb_base_name(std::string_view friendly_name, std::string_view interface_string,
                          std::string_view serial, NameRules rules) {
  std::string name(friendly_name);
  const bool shows_interface = rules.with_interface && !interface_string.empty();
  if (shows_interface) {
    name += " [";
    for (const char c : interface_string) name += is_ascii(c) ? c : '.';
    name += ']';
  }
  const bool is_shown_already =
      shows_interface && interface_string.find(serial) != std::string_view::npos;
  if (rules.with_serial && !serial.empty() && !is_shown_already) {
    name += " (";
    name += serial;
    name += ')';
  }
  name.resize(std::min(name.size(), kReaderBaseNameBytesMax));
  return name;
}

bool is_ignored(std::string_view base, std::string_view filter) {
  while (!filter.empty()) {
    const std::size_t end = std::min(filter.find(':'), filter.size());
    const std::string_view part = filter.substr(0, end);
    if (!part.empty() && base.find(part) != std::string_view::npos) return true;
    filter.remove_prefix(std::min(end + 1, filter.size()));
  }
  return false;
}

std::string usb_alias(std::string_view place, std::string_view serial, unsigned slot) {
  std::string alias("usb-");
  alias += place;
  if (!serial.empty()) {
    alias += '-';
    for (const char c : serial.substr(0, kUsbAliasSerialBytesMax)) alias += is_plain(c) ? c : '_';
  }
  if (slot != 0) alias += ":slot" + std::to_string(slot);
  return alias;
}

std::string reader_name(std::string_view base, std::string_view extension, unsigned number,
                        unsigned slot) {
  CARDEA_ASSERT(number <= kReaderNumberMax && slot <= kReaderSlotMax);
  const std::string_view kept_extension = extension.substr(0, kReaderBaseNameBytesMax);
  std::string name(base.substr(0, kReaderBaseNameBytesMax - kept_extension.size()));
  name += kept_extension;
  name += ' ';
  append_hex(name, number);
  name += ' ';
  append_hex(name, slot);
  return name;
}

std::optional<unsigned> free_reader_number(std::span<const LibraryReader> others) {
  const auto counts = [](const LibraryReader& reader) {
    return reader.on_other_usb_port || reader.simultaneous_access.value_or(1) > 1;
  };
  if (std::none_of(others.begin(), others.end(), counts)) return 0;
  unsigned number = 0;
  while (std::any_of(others.begin(), others.end(), [&](const LibraryReader& reader) {
    return counts(reader) && reader.number == number;
  })) {
    ++number;
  }
  // The handler says how many it serves, so the numbers it can index end there.
  const unsigned most = others.back().simultaneous_access.value_or(kReaderNumberMax + 1);
  if (number >= most || number > kReaderNumberMax) return std::nullopt;
  return number;
}

std::optional<unsigned> unique_name_number(std::string_view base, std::string_view extension,
                                           unsigned number, std::span<const std::string> names) {
  for (; number <= kReaderNumberMax; ++number) {
    const std::string wanted = reader_name(base, extension, number, 0);
    const std::string_view stem = std::string_view(wanted).substr(0, wanted.size() - kSlotDigits);
    const bool taken = std::any_of(names.begin(), names.end(), [stem](const std::string& name) {
      return name.size() == stem.size() + kSlotDigits && name.starts_with(stem);
    });
    if (!taken) return number;
  }
  return std::nullopt;
}

}  // namespace cardea
