// Writes one JSON object (RFC 8259) into a string, member by member, on one line. Text that is not
// UTF-8 or not printable comes out as \u00XX, byte by byte, so that every record is valid JSON and
// nothing in it can steer a terminal. Bound to its thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cardea {

class JsonObject {
 public:
  void text(std::string_view name, std::string_view value);
  void number(std::string_view name, std::uint64_t value);
  /// Handles and codes: "0x3F2A".
  void hex(std::string_view name, std::uint64_t value);
  /// `json` is inserted as it is.
  void raw(std::string_view name, std::string_view json);
  /// The object so far, with its braces.
  [[nodiscard]] std::string str() const { return "{" + members_ + "}"; }

 private:
  void begin(std::string_view name);

  std::string members_;
};

/// "text" with its quotes.
std::string json_text(std::string_view text);

/// "0x3F2A"
std::string hex_number(std::uint64_t value);

}  // namespace cardea
