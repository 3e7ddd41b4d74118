#include "libpcsclite/json_object.hpp"

#include <cinttypes>
#include <cstdio>

namespace cardea {

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7F) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04X", unsigned{byte});
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string hex_number(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%" PRIX64, value);
  return text;
}

void JsonObject::begin(std::string_view name) {
  if (!members_.empty()) members_ += ',';
  members_ += json_text(name);
  members_ += ':';
}

void JsonObject::text(std::string_view name, std::string_view value) {
  raw(name, json_text(value));
}

void JsonObject::number(std::string_view name, std::uint64_t value) {
  raw(name, std::to_string(value));
}

void JsonObject::hex(std::string_view name, std::uint64_t value) { text(name, hex_number(value)); }

void JsonObject::raw(std::string_view name, std::string_view json) {
  begin(name);
  members_ += json;
}

}  // namespace cardea
