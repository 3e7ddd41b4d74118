// Core: TRANSMIT, CONTROL, GET_ATTRIB, SET_ATTRIB.
#include <algorithm>
#include <cstring>

#include "daemon/core/core.hpp"
#include "ifdhandler.h"
#include "reader.h"

namespace cardea::core {
namespace {

/// COMPAT: tags of the talk between daemon and driver (function addresses, "device removed") are
/// no attributes; upstream passes them on. See CoreExchange.InternalTagsAreNotForClients.
bool is_internal_tag(std::uint32_t id) {
  return id >= TAG_IFD_SLOT_THREAD_SAFE && id <= TAG_IFD_DEVICE_REMOVED &&
         id != TAG_IFD_SLOTS_NUMBER;
}

bool is_reader_name(std::uint32_t id) {
  return id == SCARD_ATTR_DEVICE_FRIENDLY_NAME_A || id == SCARD_ATTR_DEVICE_SYSTEM_NAME_A;
}

}  // namespace

void Core::run(ConnId conn, const wire::Transmit& message, TimePoint now, Effects& fx) {
  Handle* handle = find_handle(conn, message.card, fx);
  if (handle == nullptr) return;
  Reader* reader = find_reader(handle->reader);
  if (reader == nullptr) return answer_rv(conn, message, ScardRv::reader_unavailable, fx);
  if (reader->lock.blocks(handle->id)) {
    LineWait wait{settings_.brief_hold};
    if (is_own_lock(conn, *reader)) wait.limit = milliseconds{0};
    if (wait_in_line(conn, *reader, handle->id, wait, now)) return;
    return answer_rv(conn, message, ScardRv::sharing_violation, fx);
  }
  const ScardRv rv = usable(*handle, reader);
  if (rv != ScardRv::success) return answer_rv(conn, message, rv, fx);
  const bool raw = message.send_pci_protocol == wire::kProtocolRaw;
  if (!raw && reader->card.phase == CardPhase::absent) {
    return answer_rv(conn, message, ScardRv::no_smartcard, fx);
  }
  const std::uint32_t current = effective_protocol(*reader);
  if (!raw && message.send_pci_protocol != wire::kProtocolAnyOld &&
      message.send_pci_protocol != current) {
    return answer_rv(conn, message, ScardRv::proto_mismatch, fx);
  }
  if (!acquire_driver(conn, *reader)) return;
  Job job;
  job.kind = JobKind::transmit;
  job.transmit = message;
  if (message.send_pci_protocol == wire::kProtocolAnyOld) job.transmit.send_pci_protocol = current;
  job.payload = std::move(client(conn).call->payload);
  launch(conn, *reader, std::move(job), fx);
}

void Core::finish_transmit(Job& job, const JobResult& result, Effects& fx) {
  Call* call = find_call(job);
  if (call == nullptr) return;
  auto message = std::get<wire::Transmit>(call->message);
  if (result.rv != ScardRv::success) return answer_rv(job.conn, message, result.rv, fx);
  const bool fits = result.bytes <= message.recv_bytes && result.bytes <= result.data.size();
  message.recv_pci_protocol = static_cast<std::uint32_t>(result.recv_pci.protocol);
  message.recv_pci_length = static_cast<std::uint32_t>(result.recv_pci.length);
  message.recv_bytes = static_cast<std::uint32_t>(result.bytes);
  message.rv = to_wire(fits ? ScardRv::success : ScardRv::insufficient_buffer);
  answer(job.conn, message, fx);
  if (fits) fx.replies.back().payload = result.data.first(result.bytes);
}

void Core::run(ConnId conn, const wire::Control& message, TimePoint, Effects& fx) {
  Handle* handle = find_handle(conn, message.card, fx);
  if (handle == nullptr) return;
  Reader* reader = find_reader(handle->reader);
  if (reader == nullptr) return answer_rv(conn, message, ScardRv::reader_unavailable, fx);
  if (reader->lock.is_held_by_other(handle->id)) {
    return answer_rv(conn, message, ScardRv::sharing_violation, fx);
  }
  if (reader->spec.version_2 && message.send_bytes == 0) {
    return answer_rv(conn, message, ScardRv::invalid_parameter, fx);
  }
  if (reader->card.phase == CardPhase::unknown) {
    return answer_rv(conn, message, ScardRv::reader_unavailable, fx);
  }
  if (!acquire_driver(conn, *reader)) return;
  Job job;
  job.kind = JobKind::control;
  job.control = message;
  job.payload = std::move(client(conn).call->payload);
  launch(conn, *reader, std::move(job), fx);
}

void Core::finish_control(Job& job, const JobResult& result, Effects& fx) {
  Call* call = find_call(job);
  if (call == nullptr) return;
  auto message = std::get<wire::Control>(call->message);
  if (result.rv != ScardRv::success) return answer_rv(job.conn, message, result.rv, fx);
  const bool fits = result.bytes <= message.recv_bytes_max && result.bytes <= result.data.size();
  message.bytes_returned = static_cast<std::uint32_t>(result.bytes);
  message.rv = to_wire(fits ? ScardRv::success : ScardRv::insufficient_buffer);
  answer(job.conn, message, fx);
  if (fits) fx.replies.back().payload = result.data.first(result.bytes);
}

void Core::run(ConnId conn, const GetAttribute& message, TimePoint, Effects& fx) {
  run_attribute(conn, message, JobKind::get_attribute, fx);
}

void Core::run(ConnId conn, const SetAttribute& message, TimePoint, Effects& fx) {
  run_attribute(conn, message, JobKind::set_attribute, fx);
}

void Core::run_attribute(ConnId conn, const wire::Attribute& message, JobKind kind, Effects& fx) {
  Handle* handle = find_handle(conn, message.card, fx);
  if (handle == nullptr) return;
  Reader* reader = find_reader(handle->reader);
  if (reader != nullptr && reader->lock.is_held_by_other(handle->id)) {
    return answer_rv(conn, message, ScardRv::sharing_violation, fx);
  }
  const ScardRv rv = usable(*handle, reader);
  if (rv != ScardRv::success) return answer_rv(conn, message, rv, fx);
  if (is_internal_tag(message.id)) {
    return answer_rv(conn, message, ScardRv::unsupported_feature, fx);
  }
  if (!acquire_driver(conn, *reader)) return;
  Job job;
  job.kind = kind;
  job.attribute = message;
  launch(conn, *reader, std::move(job), fx);
}

void Core::finish_attribute(Job& job, const JobResult& result, Effects& fx) {
  Call* call = find_call(job);
  if (call == nullptr) return;
  if (const auto* set = std::get_if<SetAttribute>(&call->message)) {
    wire::Attribute message = *set;
    message.rv = to_wire(result.rv);
    return answer(job.conn, message, fx);
  }
  wire::Attribute message = std::get<GetAttribute>(call->message);
  const Reader* reader = find_reader(job.reader);
  std::span<const std::byte> value = result.data;
  std::size_t bytes = result.bytes;
  ScardRv rv = result.rv;
  if (rv == ScardRv::unsupported_feature && is_reader_name(message.id) && reader != nullptr) {
    // The driver does not know its name; we do. Measured against the client's room, which the
    // driver cannot have changed. See CoreExchange.TheReaderNameIsAnsweredForTheDriver.
    // COMPAT: the system name is the alias where there is one, as it stays with the port; upstream
    // repeats the reader's name. See CoreExchange.TheSystemNameIsTheAlias.
    const bool alias = message.id == SCARD_ATTR_DEVICE_SYSTEM_NAME_A && !reader->spec.alias.empty();
    const std::string& name = alias ? reader->spec.alias : reader->spec.name;
    value = std::as_bytes(std::span(name.c_str(), name.size() + 1));
    bytes = value.size();
    rv = ScardRv::success;
  }
  if (rv == ScardRv::success && (bytes > message.bytes || bytes > value.size())) {
    message.bytes = static_cast<std::uint32_t>(bytes);
    message.rv = to_wire(ScardRv::insufficient_buffer);
    return answer(job.conn, message, fx);
  }
  if (rv != ScardRv::success) return answer_rv(job.conn, message, rv, fx);
  std::memcpy(message.value, value.data(), bytes);
  message.bytes = static_cast<std::uint32_t>(bytes);
  message.rv = to_wire(ScardRv::success);
  answer(job.conn, message, fx);
}

}  // namespace cardea::core
