// The command numbers of the pcsc-lite wire protocol 4:3 to 4:6.
#pragma once

#include <cstdint>
#include <string>

namespace cardea::wire {

enum class Command : std::uint32_t {
  establish_context = 0x01,
  release_context = 0x02,
  connect = 0x04,
  reconnect = 0x05,
  disconnect = 0x06,
  begin_transaction = 0x07,
  end_transaction = 0x08,
  transmit = 0x09,
  control = 0x0A,
  status = 0x0B,
  cancel = 0x0D,
  get_attrib = 0x0F,
  set_attrib = 0x10,
  version = 0x11,
  get_readers_state = 0x12,
  wait_reader_state_change = 0x13,
  stop_waiting_reader_state_change = 0x14,
  get_reader_events = 0x15,        // since 4:5
  get_readers_state_size = 0x16,   // since 4:6
  get_readers_state_array = 0x17,  // since 4:6
};

/// Name for logs, e.g. "TRANSMIT"; "command 0x18" for numbers nobody defined.
std::string to_string(Command command);

}  // namespace cardea::wire
