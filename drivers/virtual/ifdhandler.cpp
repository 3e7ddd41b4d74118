// The C face of the virtual reader: IFD handler API 3.0, called by a PC/SC daemon. The functions
// check what the host passes, find the slot of the LUN and leave the work to it. Any thread; no
// exception leaves.
#include "ifdhandler.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <span>
#include <string>

#include "drivers/virtual/attributes.hpp"
#include "drivers/virtual/driver_log.hpp"
#include "drivers/virtual/registry.hpp"

#define IFD_EXPORT __attribute__((visibility("default")))

namespace cardea::virtual_reader {
namespace {

/// Runs `body`; an exception (out of memory, in practice) becomes a log line and an error.
template <typename Body>
RESPONSECODE guarded(Body body) noexcept {
  try {
    return body();
  } catch (const std::exception& error) {
    log_line(PCSC_LOG_CRITICAL, error.what());
  } catch (...) {
    log_line(PCSC_LOG_CRITICAL, "unknown exception");
  }
  return IFD_COMMUNICATION_ERROR;
}

/// Runs `body` with the slot of an open LUN.
template <typename Body>
RESPONSECODE with_slot(DWORD lun, Body body) noexcept {
  return guarded([lun, &body]() -> RESPONSECODE {
    const std::shared_ptr<VirtualReader> reader = registry().find(lun);
    if (!reader) return IFD_COMMUNICATION_ERROR;
    return body(reader->slot(slot_number(lun)), *reader);
  });
}

RESPONSECODE open_channel(DWORD lun, const char* device_name) noexcept {
  return guarded([lun, device_name]() -> RESPONSECODE {
    const Result<void> opened = registry().open(lun, device_name);
    if (opened) return IFD_SUCCESS;
    log_line(PCSC_LOG_CRITICAL,
             "cannot open '" + std::string(device_name) + "': " + opened.error().context);
    return IFD_COMMUNICATION_ERROR;
  });
}

extern "C" RESPONSECODE wait_for_event(DWORD lun, int timeout_ms) {
  return with_slot(lun, [timeout_ms](Slot& slot, VirtualReader&) -> RESPONSECODE {
    slot.wait_event(milliseconds(std::max(timeout_ms, 0)));
    return IFD_SUCCESS;
  });
}

extern "C" RESPONSECODE stop_waiting(DWORD lun) {
  return with_slot(lun, [](Slot& slot, VirtualReader&) -> RESPONSECODE {
    slot.stop_waiting();
    return IFD_SUCCESS;
  });
}

template <typename Function>
Bytes pointer_bytes(Function* function) {
  Bytes bytes(sizeof function);
  std::memcpy(bytes.data(), &function, sizeof function);
  return bytes;
}

/// The polling functions are not for readers whose name says poll=timer.
std::optional<Bytes> capability(const VirtualReader& reader, DWORD lun, DWORD tag) {
  const bool has_events = reader.settings().poll == PollMode::event;
  if (tag == TAG_IFD_POLLING_THREAD_WITH_TIMEOUT && has_events) {
    return pointer_bytes(&wait_for_event);
  }
  if (tag == TAG_IFD_STOP_POLLING_THREAD && has_events) return pointer_bytes(&stop_waiting);
  return attribute(reader, lun, tag);
}

/// Copies `from` if it fits into `room` bytes at `to`; a null `to` only asks for the length.
RESPONSECODE copy_out(ByteView from, UCHAR* to, DWORD room, DWORD& length) {
  length = from.size();
  if (to == nullptr) return IFD_SUCCESS;
  if (from.size() > room) return IFD_ERROR_INSUFFICIENT_BUFFER;
  std::ranges::copy(from, to);
  return IFD_SUCCESS;
}

}  // namespace
}  // namespace cardea::virtual_reader

namespace virt = cardea::virtual_reader;
using cardea::virtual_reader::Bytes;
using cardea::virtual_reader::ByteView;
using cardea::virtual_reader::Slot;
using cardea::virtual_reader::VirtualReader;

IFD_EXPORT RESPONSECODE IFDHCreateChannelByName(DWORD Lun, LPSTR DeviceName) {
  return virt::open_channel(Lun, DeviceName == nullptr ? "" : DeviceName);
}

/// A reader.conf entry without DEVICENAME: one slot with the defaults, whatever the channel.
IFD_EXPORT RESPONSECODE IFDHCreateChannel(DWORD Lun, DWORD /*Channel*/) {
  return virt::open_channel(Lun, "virtual:");
}

IFD_EXPORT RESPONSECODE IFDHCloseChannel(DWORD Lun) {
  return virt::guarded([Lun]() -> RESPONSECODE {
    return virt::registry().close(Lun) ? IFD_SUCCESS : IFD_COMMUNICATION_ERROR;
  });
}

IFD_EXPORT RESPONSECODE IFDHGetCapabilities(DWORD Lun, DWORD Tag, PDWORD Length, PUCHAR Value) {
  if (Length == nullptr) return IFD_COMMUNICATION_ERROR;
  const DWORD room = *Length;
  *Length = 0;
  return virt::with_slot(Lun, [=](Slot&, VirtualReader& reader) -> RESPONSECODE {
    const std::optional<Bytes> value = virt::capability(reader, Lun, Tag);
    return value ? virt::copy_out(*value, Value, room, *Length) : IFD_ERROR_TAG;
  });
}

/// Nothing here can be set.
IFD_EXPORT RESPONSECODE IFDHSetCapabilities(DWORD /*Lun*/, DWORD /*Tag*/, DWORD /*Length*/,
                                            PUCHAR /*Value*/) {
  return IFD_ERROR_TAG;
}

/// There are no parameters to negotiate: the protocol is all that counts.
IFD_EXPORT RESPONSECODE IFDHSetProtocolParameters(DWORD Lun, DWORD Protocol, UCHAR /*Flags*/,
                                                  UCHAR /*PTS1*/, UCHAR /*PTS2*/, UCHAR /*PTS3*/) {
  return virt::with_slot(
      Lun, [Protocol](Slot& slot, VirtualReader&) { return slot.set_protocol(Protocol); });
}

IFD_EXPORT RESPONSECODE IFDHPowerICC(DWORD Lun, DWORD Action, PUCHAR Atr, PDWORD AtrLength) {
  DWORD unused_length = 0;
  DWORD& length = AtrLength == nullptr ? unused_length : *AtrLength;
  // Some hosts leave the length to chance; the buffer holds an ATR by contract.
  const DWORD room = virt::kAtrBytesMax;
  length = 0;
  return virt::with_slot(Lun, [=, &length](Slot& slot, VirtualReader&) -> RESPONSECODE {
    Bytes atr;
    const RESPONSECODE rv = slot.power(Action, atr);
    return rv == IFD_SUCCESS ? virt::copy_out(atr, Atr, room, length) : rv;
  });
}

/// RecvPci stays as the host filled it in: that is the protocol in use. A response longer than the
/// room is not written; IFD_SUCCESS with its length says so.
IFD_EXPORT RESPONSECODE IFDHTransmitToICC(DWORD Lun, SCARD_IO_HEADER /*SendPci*/, PUCHAR TxBuffer,
                                          DWORD TxLength, PUCHAR RxBuffer, PDWORD RxLength,
                                          PSCARD_IO_HEADER /*RecvPci*/) {
  if (RxLength == nullptr) return IFD_COMMUNICATION_ERROR;
  const DWORD room = RxBuffer == nullptr ? 0 : *RxLength;
  *RxLength = 0;
  if (TxBuffer == nullptr || TxLength == 0 || TxLength > MAX_BUFFER_SIZE_EXTENDED) {
    virt::log_line(PCSC_LOG_ERROR, "a command has 1.." + std::to_string(MAX_BUFFER_SIZE_EXTENDED) +
                                       " bytes, not " + std::to_string(TxLength));
    return IFD_COMMUNICATION_ERROR;
  }
  return virt::with_slot(Lun, [=](Slot& slot, VirtualReader&) -> RESPONSECODE {
    Bytes response;
    const RESPONSECODE rv = slot.transmit(ByteView(TxBuffer, TxLength), response);
    if (rv != IFD_SUCCESS) return rv;
    *RxLength = response.size();
    if (response.size() <= room) std::ranges::copy(response, RxBuffer);
    return IFD_SUCCESS;
  });
}

IFD_EXPORT RESPONSECODE IFDHICCPresence(DWORD Lun) {
  return virt::with_slot(Lun, [](Slot& slot, VirtualReader&) { return slot.presence(); });
}

IFD_EXPORT RESPONSECODE IFDHControl(DWORD Lun, DWORD dwControlCode, PUCHAR /*TxBuffer*/,
                                    DWORD /*TxLength*/, PUCHAR RxBuffer, DWORD RxLength,
                                    LPDWORD pdwBytesReturned) {
  if (pdwBytesReturned == nullptr) return IFD_COMMUNICATION_ERROR;
  *pdwBytesReturned = 0;
  const DWORD room = RxBuffer == nullptr ? 0 : RxLength;
  return virt::with_slot(Lun, [=](Slot&, VirtualReader& reader) -> RESPONSECODE {
    const std::optional<Bytes> answer = virt::control_answer(reader, dwControlCode);
    if (!answer) return IFD_ERROR_NOT_SUPPORTED;
    if (answer->size() > room) return IFD_ERROR_INSUFFICIENT_BUFFER;
    return virt::copy_out(*answer, RxBuffer, room, *pdwBytesReturned);
  });
}
