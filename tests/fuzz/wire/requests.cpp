#include "tests/fuzz/wire/requests.hpp"

#include "protocol/codec.hpp"

namespace cardea::fuzz {
namespace {

using wire::Command;

std::uint32_t any_context(Dice& dice) { return dice.chance(85) ? 1 : dice.below(4); }
std::int32_t any_card(Dice& dice) {
  return static_cast<std::int32_t>(dice.chance(85) ? 2 : dice.below(7));
}
std::uint32_t any_mode(Dice& dice) { return dice.chance(60) ? 2 : dice.below(5); }
std::uint32_t any_protocols(Dice& dice) { return dice.chance(70) ? 3 : dice.below(9); }
std::uint32_t any_disposition(Dice& dice) { return dice.chance(50) ? 0 : dice.below(5); }
std::uint32_t any_room(Dice& dice) {
  return dice.chance(80) ? 258 : dice.below(wire::kPayloadBytesMax + 2);
}
std::string any_payload(Dice& dice) { return std::string(dice.below(12), '\x55'); }

std::string any_transmit(Dice& dice) {
  return transmit_request(any_card(dice), dice.chance(70) ? wire::kProtocolT1 : dice.below(6),
                          any_payload(dice), any_room(dice));
}

std::string any_control(Dice& dice) {
  const std::string payload = any_payload(dice);
  wire::Control body{};
  body.card = any_card(dice);
  body.control_code = 0x42000D48;
  body.send_bytes = static_cast<std::uint32_t>(payload.size());
  body.recv_bytes_max = any_room(dice);
  return request(Command::control, body, payload);
}

std::string any_attribute(Command command, Dice& dice) {
  wire::Attribute body{};
  body.card = any_card(dice);
  body.id = dice.chance(50) ? 0x7FFF0003 : 0x0FB0 + dice.below(6);
  body.bytes = dice.chance(50) ? wire::kAttributeBytesMax : dice.below(8);
  return request(command, body);
}

std::string any_version(Dice& dice) {
  return request(Command::version, wire::Version{dice.chance(90) ? wire::kMajor : 3,
                                                 static_cast<std::int32_t>(2 + dice.below(6)), 0});
}

}  // namespace

std::string request(Command command) {
  std::string bytes;
  append_struct(bytes, wire::Header{0, static_cast<std::uint32_t>(command)});
  return bytes;
}

std::string connect_request(std::uint32_t context, std::string_view reader, std::uint32_t mode,
                            std::uint32_t protocols) {
  wire::Connect body{};
  body.context = context;
  wire::set_name(body.reader, reader);
  body.share_mode = mode;
  body.preferred_protocols = protocols;
  return request(Command::connect, body);
}

std::string transmit_request(std::int32_t card, std::uint32_t protocol, std::string_view command,
                             std::uint32_t room) {
  wire::Transmit body{};
  body.card = card;
  body.send_pci_protocol = protocol;
  body.send_pci_length = 8;
  body.send_bytes = static_cast<std::uint32_t>(command.size());
  body.recv_bytes = room;
  return request(Command::transmit, body, command);
}

std::string any_request(const wire::Dialect& dialect, Command command, Dice& dice) {
  if (!wire::body_bytes(dialect, command)) return {};
  switch (command) {
    case Command::establish_context:
      return request(command, wire::Establish{dice.below(5), 0, 0});
    case Command::release_context:
      return request(command, wire::Release{any_context(dice), 0});
    case Command::connect:
      return connect_request(any_context(dice), dice.chance(90) ? kReaderName : "nobody",
                             any_mode(dice), any_protocols(dice));
    case Command::reconnect:
      return request(command, wire::Reconnect{any_card(dice), any_mode(dice), any_protocols(dice),
                                              any_disposition(dice), 0, 0});
    case Command::disconnect:
      return request(command, wire::Disconnect{any_card(dice), any_disposition(dice), 0});
    case Command::begin_transaction:
      return request(command, wire::Begin{any_card(dice), 0});
    case Command::end_transaction:
      return request(command, wire::End{any_card(dice), any_disposition(dice), 0});
    case Command::transmit:
      return any_transmit(dice);
    case Command::control:
      return any_control(dice);
    case Command::status:
      return request(command, wire::Status{any_card(dice), 0});
    case Command::cancel:
      return request(command, wire::Cancel{static_cast<std::int32_t>(any_context(dice)), 0});
    case Command::get_attrib:
    case Command::set_attrib:
      return any_attribute(command, dice);
    case Command::version:
      return any_version(dice);
    case Command::wait_reader_state_change:
    case Command::stop_waiting_reader_state_change:
      if (dialect.wait_body_bytes != 0) return request(command, wire::WaitBody{60'000, 0});
      return request(command);
    case Command::get_readers_state:
    case Command::get_reader_events:
    case Command::get_readers_state_size:
    case Command::get_readers_state_array:
      return request(command);
  }
  return {};
}

}  // namespace cardea::fuzz
