// Wire bytes <-> wire structs, bounds-checked, plus the one message that needs composing: the
// reader-state array.
#pragma once

#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/assert.hpp"
#include "protocol/wire.hpp"

namespace cardea::wire {

/// Copies a message out of `bytes`, which must hold at least its size (the framer checked).
template <typename Message>
Message decode(std::span<const std::byte> bytes) {
  static_assert(std::is_trivially_copyable_v<Message>);
  CARDEA_ASSERT(bytes.size() >= sizeof(Message));
  Message message;
  std::memcpy(&message, bytes.data(), sizeof message);
  return message;
}

template <typename Message>
std::span<const std::byte> as_bytes(const Message& message) {
  static_assert(std::is_trivially_copyable_v<Message>);
  return std::as_bytes(std::span<const Message, 1>(&message, 1));
}

/// A fixed-size name field as text: up to the first NUL, or all of it.
std::string_view name_text(const char (&field)[kReaderNameBytes]);

/// Fills a name field; cut at 127 characters, always NUL-terminated, the rest zero.
void set_name(char (&field)[kReaderNameBytes], std::string_view name);

/// An unused slot of the fixed array. COMPAT: all zero, as pcsc-lite 2.5 pads; older daemons put
/// the ATR length 34 into it, which no client looks at.
ReaderState empty_slot();

}  // namespace cardea::wire
