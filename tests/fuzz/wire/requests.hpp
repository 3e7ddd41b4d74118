// Requests as bytes of the wire, for seeds and for mutations: well-formed ones with values that
// lead somewhere more often than not. The numbers fit a daemon that counts from 1: a client's first
// context is 1, its first card 2. Pure.
#pragma once

#include <string>
#include <string_view>

#include "protocol/commands.hpp"
#include "protocol/dialect.hpp"
#include "protocol/wire.hpp"
#include "tests/fuzz/dice.hpp"

namespace cardea::fuzz {

/// Numbers that nobody has defined as a command begin here.
inline constexpr std::uint32_t kCommandsEnd = 0x18;
/// The reader that targets have.
inline constexpr std::string_view kReaderName = "R";

template <typename Struct>
void append_struct(std::string& bytes, const Struct& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// A request without body if `Message` is none given.
std::string request(wire::Command command);
template <typename Message>
std::string request(wire::Command command, const Message& message, std::string_view payload = {}) {
  std::string bytes;
  append_struct(bytes, wire::Header{sizeof message, static_cast<std::uint32_t>(command)});
  append_struct(bytes, message);
  return bytes.append(payload);
}

std::string connect_request(std::uint32_t context, std::string_view reader, std::uint32_t mode,
                            std::uint32_t protocols);
std::string transmit_request(std::int32_t card, std::uint32_t protocol, std::string_view command,
                             std::uint32_t room);

/// One that the framer accepts, with values by the dice. Empty if the dialect has no such command.
std::string any_request(const wire::Dialect& dialect, wire::Command command, Dice& dice);

}  // namespace cardea::fuzz
