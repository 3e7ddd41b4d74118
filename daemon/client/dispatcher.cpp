#include "daemon/client/dispatcher.hpp"

#include "protocol/codec.hpp"

namespace cardea {

using core::StateRequest;
using wire::Command;
using wire::decode;

void dispatch(core::Core& core, core::ConnId conn, const wire::Frame& frame, TimePoint now,
              core::Effects& fx) {
  const auto body = frame.body;
  switch (frame.command) {
    case Command::establish_context:
      return core.establish(conn, decode<wire::Establish>(body), now, fx);
    case Command::release_context:
      return core.release(conn, decode<wire::Release>(body), now, fx);
    case Command::connect:
      return core.connect(conn, decode<wire::Connect>(body), now, fx);
    case Command::reconnect:
      return core.reconnect(conn, decode<wire::Reconnect>(body), now, fx);
    case Command::disconnect:
      return core.disconnect(conn, decode<wire::Disconnect>(body), now, fx);
    case Command::begin_transaction:
      return core.begin(conn, decode<wire::Begin>(body), now, fx);
    case Command::end_transaction:
      return core.end(conn, decode<wire::End>(body), now, fx);
    case Command::transmit:
      return core.transmit(conn, decode<wire::Transmit>(body), frame.payload, now, fx);
    case Command::control:
      return core.control(conn, decode<wire::Control>(body), frame.payload, now, fx);
    case Command::status:
      return core.status(conn, decode<wire::Status>(body), now, fx);
    case Command::cancel:
      return core.cancel(conn, decode<wire::Cancel>(body), now, fx);
    case Command::get_attrib:
      return core.get_attribute(conn, decode<wire::Attribute>(body), now, fx);
    case Command::set_attrib:
      return core.set_attribute(conn, decode<wire::Attribute>(body), now, fx);
    case Command::get_readers_state:
      return core.get_states(conn, StateRequest::fixed, now, fx);
    case Command::wait_reader_state_change:
      return core.get_states(conn, StateRequest::wait, now, fx);
    case Command::stop_waiting_reader_state_change:
      return core.stop_waiting(conn, fx);
    case Command::get_reader_events:
      return core.get_reader_events(conn, fx);
    case Command::get_readers_state_size:
      return core.get_states_size(conn, now, fx);
    case Command::get_readers_state_array:
      return core.get_states(conn, StateRequest::sized, now, fx);
    case Command::version:
      break;
  }
}

}  // namespace cardea
