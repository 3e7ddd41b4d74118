#include "protocol/framer.hpp"

#include "protocol/codec.hpp"

namespace cardea::wire {
namespace {

Malformed malformed(Command command, const std::string& what) {
  return Malformed{to_string(command) + " " + what};
}

/// Announced payload of a request whose fixed body is complete.
std::uint32_t payload_bytes(Command command, std::span<const std::byte> body) {
  if (command == Command::transmit) return decode<Transmit>(body).send_bytes;
  if (command == Command::control) return decode<Control>(body).send_bytes;
  return 0;
}

}  // namespace

FrameResult next_frame(const Dialect& dialect, std::span<const std::byte> input) {
  if (input.size() < sizeof(Header)) return NeedMore{};
  const auto header = decode<Header>(input);
  const auto command = static_cast<Command>(header.command);
  const auto expected = body_bytes(dialect, command);
  if (!expected) {
    return malformed(command, "is not part of protocol 4:" + std::to_string(dialect.minor));
  }
  if (header.size != *expected) {
    return malformed(command, "has a body of " + std::to_string(header.size) + " bytes, expected " +
                                  std::to_string(*expected));
  }
  if (input.size() < sizeof(Header) + header.size) return NeedMore{};
  const auto body = input.subspan(sizeof(Header), header.size);
  const std::uint32_t payload = payload_bytes(command, body);
  if (payload > kPayloadBytesMax) {
    return malformed(command, "announces " + std::to_string(payload) + " payload bytes, at most " +
                                  std::to_string(kPayloadBytesMax) + " are allowed");
  }
  if ((command == Command::get_attrib || command == Command::set_attrib) &&
      decode<Attribute>(body).bytes > kAttributeBytesMax) {
    return malformed(command, "announces an attribute of more than " +
                                  std::to_string(kAttributeBytesMax) + " bytes");
  }
  const std::size_t total = sizeof(Header) + header.size + payload;
  if (input.size() < total) return NeedMore{};
  return Frame{command, body, input.subspan(sizeof(Header) + header.size, payload), total};
}

}  // namespace cardea::wire
