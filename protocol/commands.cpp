#include "protocol/commands.hpp"

#include <cstdio>

namespace cardea::wire {

std::string to_string(Command command) {
  switch (command) {
    case Command::establish_context:
      return "ESTABLISH_CONTEXT";
    case Command::release_context:
      return "RELEASE_CONTEXT";
    case Command::connect:
      return "CONNECT";
    case Command::reconnect:
      return "RECONNECT";
    case Command::disconnect:
      return "DISCONNECT";
    case Command::begin_transaction:
      return "BEGIN_TRANSACTION";
    case Command::end_transaction:
      return "END_TRANSACTION";
    case Command::transmit:
      return "TRANSMIT";
    case Command::control:
      return "CONTROL";
    case Command::status:
      return "STATUS";
    case Command::cancel:
      return "CANCEL";
    case Command::get_attrib:
      return "GET_ATTRIB";
    case Command::set_attrib:
      return "SET_ATTRIB";
    case Command::version:
      return "VERSION";
    case Command::get_readers_state:
      return "GET_READERS_STATE";
    case Command::wait_reader_state_change:
      return "WAIT_READER_STATE_CHANGE";
    case Command::stop_waiting_reader_state_change:
      return "STOP_WAITING_READER_STATE_CHANGE";
    case Command::get_reader_events:
      return "GET_READER_EVENTS";
    case Command::get_readers_state_size:
      return "GET_READERS_STATE_SIZE";
    case Command::get_readers_state_array:
      return "GET_READERS_STATE_ARRAY";
  }
  char text[32];
  std::snprintf(text, sizeof text, "command 0x%02X", static_cast<unsigned>(command));
  return text;
}

}  // namespace cardea::wire
