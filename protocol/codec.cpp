#include "protocol/codec.hpp"

#include <algorithm>

namespace cardea::wire {

std::string_view name_text(const char (&field)[kReaderNameBytes]) {
  return std::string_view(field, ::strnlen(field, kReaderNameBytes));
}

void set_name(char (&field)[kReaderNameBytes], std::string_view name) {
  std::memset(field, 0, sizeof field);
  std::memcpy(field, name.data(), std::min(name.size(), kReaderNameBytes - 1));
}

ReaderState empty_slot() { return ReaderState{}; }

}  // namespace cardea::wire
