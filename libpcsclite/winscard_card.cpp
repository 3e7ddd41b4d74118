// Our implementation of the functions on card handles. Each checks its arguments in pcsc-lite's
// order, because applications see which error wins.
#include <algorithm>
#include <cstring>
#include <string>

#include "libpcsclite/api_guard.hpp"
#include "libpcsclite/functions.hpp"
#include "libpcsclite/library.hpp"
#include "libpcsclite/out_buffer.hpp"
#include "libpcsclite/session.hpp"
#include "libpcsclite/state_fetch.hpp"

namespace cardea {
namespace {

/// Numbers travel as 32 bits. Foreign-function interfaces leave garbage in the upper half.
constexpr std::uint32_t to_u32(DWORD value) { return static_cast<std::uint32_t>(value); }

std::span<const std::byte> bytes_of(LPCVOID data, DWORD size) {
  return {static_cast<const std::byte*>(data), size};
}

/// The part of the application's buffer that an answer can fill.
std::span<std::byte> room_of(LPVOID data, DWORD size) {
  return {static_cast<std::byte*>(data), std::min<std::size_t>(size, wire::kPayloadBytesMax)};
}

/// One CONNECT. `message` comes with all but the context.
ScardRv connect_once(Session& session, std::string_view reader, wire::Connect& message) {
  message.context = session.context()->daemon_number();
  wire::set_name(message.reader, reader);
  const ScardRv rv = session.link().exchange(wire::Command::connect, message);
  if (rv == ScardRv::success && message.card <= 0) return session.link().give_up();
  // COMPAT: a refusing pcsc-lite daemon sends all-ones here, which its library passes on.
  if (rv != ScardRv::success) message.active_protocol = 0;
  return rv;
}

CardEntry entry_of(Session& session, std::int32_t daemon_handle,
                   std::shared_ptr<const std::string> reader) {
  return {session.context(), std::move(reader), daemon_handle, session.context()->attachment()};
}

ScardRv connect(SCARDCONTEXT number, std::string_view reader, const wire::Connect& request,
                SCARDHANDLE& card, DWORD& active_protocol) {
  return request_on_context(number, [&](Session& session) {
    wire::Connect message = request;
    const ScardRv rv = connect_once(session, reader, message);
    if (!session.link().is_open()) return rv;
    active_protocol = message.active_protocol;
    if (rv != ScardRv::success) return rv;
    card = library().contexts.add_card(
        entry_of(session, message.card, std::make_shared<const std::string>(reader)));
    return rv;
  });
}

ScardRv reconnect_once(Session& session, wire::Reconnect message, DWORD& active_protocol) {
  const ScardRv rv = session.link().exchange(wire::Command::reconnect, message);
  if (session.link().is_open()) active_protocol = message.active_protocol;
  return rv;
}

/// The daemon has no such handle any more, so a new one takes its place.
ScardRv reconnect_lost(Session& session, SCARDHANDLE card, wire::Reconnect message,
                       DWORD& active_protocol) {
  wire::Connect connect{};
  connect.share_mode = message.share_mode;
  connect.preferred_protocols = message.preferred_protocols;
  const ScardRv rv = connect_once(session, session.reader(), connect);
  if (rv == ScardRv::unknown_reader) return ScardRv::reader_unavailable;
  if (rv != ScardRv::success) return rv;
  const auto name = std::make_shared<const std::string>(session.reader());
  library().contexts.replace_card(card, entry_of(session, connect.card, name));
  active_protocol = connect.active_protocol;
  if (message.initialization == SCARD_LEAVE_CARD) return rv;
  message.card = connect.card;
  return reconnect_once(session, message, active_protocol);
}

ScardRv reconnect(SCARDHANDLE card, const wire::Reconnect& request, DWORD& active_protocol) {
  return request_on_card(
      card, OnLockedCard::retry, IfHalfDone::reset,
      [&](Session& session) {
        wire::Reconnect message = request;
        message.card = session.card();
        return reconnect_once(session, message, active_protocol);
      },
      [&](Session& session) {
        return request_attached(session, [&](Session& attached) {
          return reconnect_lost(attached, card, request, active_protocol);
        });
      });
}

ScardRv disconnect(SCARDHANDLE card, std::uint32_t disposition) {
  const auto forget = [card](Session&) {
    library().contexts.remove_card(card);
    return ScardRv::success;
  };
  return request_on_card(
      card, OnLockedCard::report, IfHalfDone::reset,
      [&](Session& session) {
        wire::Disconnect message{session.card(), disposition, 0};
        const ScardRv rv = session.link().exchange(wire::Command::disconnect, message);
        return rv == ScardRv::success ? forget(session) : rv;
      },
      forget);
}

/// Where SCardStatus puts its results; each pointer may be NULL. The lengths are those the caller
/// passed, before they were overwritten.
struct StatusTarget {
  LPSTR name;
  LPDWORD name_length;
  DWORD name_capacity;
  LPDWORD state;
  LPDWORD protocol;
  LPBYTE atr;
  LPDWORD atr_length;
  DWORD atr_capacity;
};

ScardRv give_status(const wire::ReaderState& row, const StatusTarget& target) {
  const auto name = wire::name_text(row.name);
  const std::string terminated(name);
  if (target.name_length != nullptr) *target.name_length = terminated.size() + 1;
  if (target.atr_length != nullptr) *target.atr_length = row.atr_bytes;
  if (target.state != nullptr) *target.state = (row.event_counter << 16) | (row.state & 0xFFFF);
  if (target.protocol != nullptr) *target.protocol = row.protocol;
  const ScardRv name_rv = give_bytes(bytes_of(terminated.c_str(), terminated.size() + 1),
                                     target.name, target.name_capacity, WhenShort::first_bytes);
  if (name_rv != ScardRv::success && name_rv != ScardRv::insufficient_buffer) return name_rv;
  const ScardRv atr_rv = give_bytes(bytes_of(row.atr, row.atr_bytes), target.atr,
                                    target.atr_capacity, WhenShort::first_bytes);
  return atr_rv == ScardRv::success ? name_rv : atr_rv;
}

ScardRv status(SCARDHANDLE card, const StatusTarget& target) {
  return request_on_card(card, OnLockedCard::retry, IfHalfDone::reset, [&](Session& session) {
    FetchRequest request;
    request.card = session.card();
    FetchAnswer answer;
    const ScardRv rv = fetch_states(session.link(), request, answer);
    if (rv != ScardRv::success) return rv;
    const wire::ReaderState* const row = answer.readers.find(session.reader());
    if (row == nullptr) return ScardRv::reader_unavailable;
    if (answer.card_status != ScardRv::success) return answer.card_status;
    return give_status(*row, target);
  });
}

ScardRv transmit(SCARDHANDLE card, const SCARD_IO_REQUEST& send_pci,
                 std::span<const std::byte> command, SCARD_IO_REQUEST* recv_pci,
                 std::span<std::byte> room, DWORD& received) {
  return request_on_card(card, OnLockedCard::retry, IfHalfDone::comm_error, [&](Session& session) {
    if (command.size() > wire::kPayloadBytesMax) return ScardRv::insufficient_buffer;
    wire::Transmit message{};
    message.card = session.card();
    message.send_pci_protocol = to_u32(send_pci.dwProtocol);
    message.send_pci_length = to_u32(send_pci.cbPciLength);
    message.send_bytes = to_u32(command.size());
    message.recv_pci_protocol =
        recv_pci != nullptr ? to_u32(recv_pci->dwProtocol) : SCARD_PROTOCOL_ANY;
    message.recv_pci_length =
        recv_pci != nullptr ? to_u32(recv_pci->cbPciLength) : sizeof(SCARD_IO_REQUEST);
    message.recv_bytes = to_u32(room.size());
    const ScardRv rv = session.link().exchange(wire::Command::transmit, message, command, room,
                                               &wire::Transmit::recv_bytes);
    if (!session.link().is_open()) return rv;
    received = message.recv_bytes;
    if (rv == ScardRv::success && recv_pci != nullptr) {
      recv_pci->dwProtocol = message.recv_pci_protocol;
      recv_pci->cbPciLength = message.recv_pci_length;
    }
    return rv;
  });
}

ScardRv control(SCARDHANDLE card, std::uint32_t code, std::span<const std::byte> command,
                std::span<std::byte> room, DWORD& returned) {
  return request_on_card(card, OnLockedCard::report, IfHalfDone::comm_error, [&](Session& session) {
    if (command.size() > wire::kPayloadBytesMax) return ScardRv::insufficient_buffer;
    wire::Control message{};
    message.card = session.card();
    message.control_code = code;
    message.send_bytes = to_u32(command.size());
    message.recv_bytes_max = to_u32(room.size());
    const ScardRv rv = session.link().exchange(wire::Command::control, message, command, room,
                                               &wire::Control::bytes_returned);
    if (session.link().is_open()) returned = message.bytes_returned;
    return rv;
  });
}

ScardRv get_attrib(SCARDHANDLE card, std::uint32_t id, LPBYTE value, DWORD capacity,
                   DWORD& length) {
  return request_on_card(card, OnLockedCard::report, IfHalfDone::reset, [&](Session& session) {
    wire::Attribute message{};
    message.card = session.card();
    message.id = id;
    message.bytes = sizeof message.value;
    const ScardRv rv = session.link().exchange(wire::Command::get_attrib, message);
    if (rv != ScardRv::success) return rv;
    if (message.bytes > sizeof message.value) return session.link().give_up();
    length = message.bytes;
    return give_bytes(bytes_of(message.value, message.bytes), value, capacity,
                      WhenShort::first_bytes);
  });
}

ScardRv set_attrib(SCARDHANDLE card, std::uint32_t id, std::span<const std::byte> value) {
  return request_on_card(card, OnLockedCard::report, IfHalfDone::comm_error, [&](Session& session) {
    wire::Attribute message{};
    if (value.size() > sizeof message.value) return ScardRv::insufficient_buffer;
    message.card = session.card();
    message.id = id;
    std::memcpy(message.value, value.data(), value.size());
    message.bytes = to_u32(value.size());
    return session.link().exchange(wire::Command::set_attrib, message);
  });
}

}  // namespace
}  // namespace cardea

using namespace cardea;

LONG cardea::scard_connect(SCARDCONTEXT hContext, LPCSTR szReader, DWORD dwShareMode,
                           DWORD dwPreferredProtocols, LPSCARDHANDLE phCard,
                           LPDWORD pdwActiveProtocol) {
  return guarded([=] {
    if (phCard == nullptr || pdwActiveProtocol == nullptr) return ScardRv::invalid_parameter;
    *phCard = 0;
    if (szReader == nullptr) return ScardRv::unknown_reader;
    const std::string_view reader(szReader, ::strnlen(szReader, MAX_READERNAME + 1));
    if (reader.size() > MAX_READERNAME) return ScardRv::invalid_value;
    wire::Connect message{};
    message.share_mode = to_u32(dwShareMode);
    message.preferred_protocols = to_u32(dwPreferredProtocols);
    return connect(hContext, reader, message, *phCard, *pdwActiveProtocol);
  });
}

LONG cardea::scard_reconnect(SCARDHANDLE hCard, DWORD dwShareMode, DWORD dwPreferredProtocols,
                             DWORD dwInitialization, LPDWORD pdwActiveProtocol) {
  return guarded([=] {
    if (pdwActiveProtocol == nullptr) return ScardRv::invalid_parameter;
    const wire::Reconnect request{
        0, to_u32(dwShareMode), to_u32(dwPreferredProtocols), to_u32(dwInitialization), 0, 0};
    return reconnect(hCard, request, *pdwActiveProtocol);
  });
}

LONG cardea::scard_disconnect(SCARDHANDLE hCard, DWORD dwDisposition) {
  return guarded([=] { return disconnect(hCard, to_u32(dwDisposition)); });
}

LONG cardea::scard_begin_transaction(SCARDHANDLE hCard) {
  return guarded([=] {
    const auto locked = OnLockedCard::retry_always;
    return request_on_card(hCard, locked, IfHalfDone::reset, [](Session& session) {
      wire::Begin message{session.card(), 0};
      return session.link().exchange(wire::Command::begin_transaction, message);
    });
  });
}

LONG cardea::scard_end_transaction(SCARDHANDLE hCard, DWORD dwDisposition) {
  return guarded([=] {
    const auto locked = OnLockedCard::report;
    return request_on_card(hCard, locked, IfHalfDone::reset, [=](Session& session) {
      wire::End message{session.card(), to_u32(dwDisposition), 0};
      return session.link().exchange(wire::Command::end_transaction, message);
    });
  });
}

LONG cardea::scard_status(SCARDHANDLE hCard, LPSTR szReaderName, LPDWORD pcchReaderLen,
                          LPDWORD pdwState, LPDWORD pdwProtocol, LPBYTE pbAtr, LPDWORD pcbAtrLen) {
  return guarded([=] {
    const StatusTarget target{szReaderName,
                              pcchReaderLen,
                              pcchReaderLen != nullptr ? *pcchReaderLen : 0,
                              pdwState,
                              pdwProtocol,
                              pbAtr,
                              pcbAtrLen,
                              pcbAtrLen != nullptr ? *pcbAtrLen : 0};
    for (const LPDWORD result : {pcchReaderLen, pdwState, pdwProtocol, pcbAtrLen}) {
      if (result != nullptr) *result = 0;
    }
    return status(hCard, target);
  });
}

LONG cardea::scard_transmit(SCARDHANDLE hCard, const SCARD_IO_REQUEST* pioSendPci,
                            LPCBYTE pbSendBuffer, DWORD cbSendLength, SCARD_IO_REQUEST* pioRecvPci,
                            LPBYTE pbRecvBuffer, LPDWORD pcbRecvLength) {
  return guarded([=] {
    if (pioSendPci == nullptr || pbSendBuffer == nullptr || pbRecvBuffer == nullptr ||
        pcbRecvLength == nullptr) {
      return ScardRv::invalid_parameter;
    }
    const auto room = room_of(pbRecvBuffer, *pcbRecvLength);
    const ScardRv rv = transmit(hCard, *pioSendPci, bytes_of(pbSendBuffer, cbSendLength),
                                pioRecvPci, room, *pcbRecvLength);
    if (rv == ScardRv::invalid_handle) *pcbRecvLength = 0;
    return rv;
  });
}

LONG cardea::scard_control(SCARDHANDLE hCard, DWORD dwControlCode, LPCVOID pbSendBuffer,
                           DWORD cbSendLength, LPVOID pbRecvBuffer, DWORD cbRecvLength,
                           LPDWORD lpBytesReturned) {
  return guarded([=] {
    DWORD returned = 0;
    DWORD& result = lpBytesReturned != nullptr ? *lpBytesReturned : returned;
    result = 0;
    // COMPAT: pcsc-lite takes this for a broken connection.
    if (pbSendBuffer == nullptr && cbSendLength > 0) return ScardRv::invalid_parameter;
    // COMPAT: pcsc-lite reads an answer to address 0, and is out of step from then on. No buffer
    // is no room here, and the daemon reports the size.
    const auto room = room_of(pbRecvBuffer, pbRecvBuffer != nullptr ? cbRecvLength : 0);
    return control(hCard, to_u32(dwControlCode), bytes_of(pbSendBuffer, cbSendLength), room,
                   result);
  });
}

LONG cardea::scard_get_attrib(SCARDHANDLE hCard, DWORD dwAttrId, LPBYTE pbAttr,
                              LPDWORD pcbAttrLen) {
  return guarded([=] {
    if (pcbAttrLen == nullptr) return ScardRv::invalid_parameter;
    const DWORD capacity = *pcbAttrLen;
    if (capacity == SCARD_AUTOALLOCATE) {
      if (pbAttr == nullptr) return ScardRv::invalid_parameter;
      // COMPAT: pcsc-lite leaves a block behind if the call fails; callers may free it.
      const void* const none = nullptr;
      std::memcpy(pbAttr, &none, sizeof none);
    }
    if (pbAttr == nullptr || capacity == SCARD_AUTOALLOCATE) *pcbAttrLen = MAX_BUFFER_SIZE;
    // COMPAT: pcsc-lite refuses buffers of more than 264 bytes as insufficient.
    return get_attrib(hCard, to_u32(dwAttrId), pbAttr, capacity, *pcbAttrLen);
  });
}

LONG cardea::scard_set_attrib(SCARDHANDLE hCard, DWORD dwAttrId, LPCBYTE pbAttr, DWORD cbAttrLen) {
  return guarded([=] {
    if (pbAttr == nullptr || cbAttrLen == 0) return ScardRv::invalid_parameter;
    return set_attrib(hCard, to_u32(dwAttrId), bytes_of(pbAttr, cbAttrLen));
  });
}
