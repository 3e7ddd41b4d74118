// How the core turns a message into a reply. Internal to daemon/core.
#pragma once

#include <concepts>

#include "daemon/core/effects.hpp"
#include "protocol/codec.hpp"

namespace cardea::core {

template <typename Message>
Reply make_reply(ConnId conn, const Message& message, bool ends_call = true) {
  const auto bytes = wire::as_bytes(message);
  Reply reply{conn, {bytes.begin(), bytes.end()}, {}, ends_call};
  if constexpr (requires { message.rv; }) reply.rv = message.rv;
  return reply;
}

/// Puts a return code into a message; fields that only a full success fills become zero.
inline void set_result(wire::Connect& message, ScardRv rv) {
  // COMPAT: upstream may leave the number of a handle that is gone already; ours is always 0. See
  // CoreSharing.ConnectChecksItsContext.
  message.card = 0;
  message.active_protocol = 0;
  message.rv = to_wire(rv);
}
inline void set_result(wire::Establish& message, ScardRv rv) {
  message.context = 0;
  message.rv = to_wire(rv);
}
inline void set_result(wire::Reconnect& message, ScardRv rv) {
  message.active_protocol = 0;
  message.rv = to_wire(rv);
}
inline void set_result(wire::Transmit& message, ScardRv rv) {
  message.recv_bytes = 0;
  message.rv = to_wire(rv);
}
inline void set_result(wire::Control& message, ScardRv rv) {
  message.bytes_returned = 0;
  message.rv = to_wire(rv);
}
inline void set_result(wire::Attribute& message, ScardRv rv) {
  message.bytes = 0;
  message.rv = to_wire(rv);
}
template <typename Message>
requires(!std::derived_from<Message, wire::Attribute>) void set_result(Message& message,
                                                                       ScardRv rv) {
  message.rv = to_wire(rv);
}

}  // namespace cardea::core
