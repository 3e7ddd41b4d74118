#include "libpcsclite/reader_table.hpp"

#include <cstring>

#include "protocol/codec.hpp"

namespace cardea {

bool ReaderTable::assign(std::span<const std::byte> array) {
  slots_.resize(array.size() / sizeof(wire::ReaderState));
  if (!slots_.empty()) {
    std::memcpy(slots_.data(), array.data(), slots_.size() * sizeof(wire::ReaderState));
  }
  for (const wire::ReaderState& slot : slots_) {
    // Old daemons put 34 into the ATR length of slots they do not use.
    if (slot.name[0] != '\0' && slot.atr_bytes > wire::kAtrBytesMax) {
      slots_.clear();
      return false;
    }
  }
  return true;
}

const wire::ReaderState* ReaderTable::find(std::string_view name) const {
  for (const wire::ReaderState& slot : slots_) {
    if (wire::name_text(slot.name) == name) return &slot;
  }
  return nullptr;
}

std::vector<std::string> ReaderTable::names() const {
  std::vector<std::string> result;
  for (const wire::ReaderState& slot : slots_) {
    if (slot.name[0] != '\0') result.emplace_back(wire::name_text(slot.name));
  }
  return result;
}

std::string multi_string(std::span<const std::string> strings) {
  std::string result;
  for (const std::string& text : strings) {
    result += text;
    result += '\0';
  }
  result += '\0';
  return result;
}

}  // namespace cardea
