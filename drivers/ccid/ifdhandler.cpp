// The C face of the CCID driver: IFD handler API 3.0, called by a PC/SC daemon. The functions check
// what the host passes, find the slot of the LUN and leave the work to it. Any thread; no exception
// leaves.
#include "ifdhandler.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <span>
#include <string>

#include "drivers/ccid/attributes.hpp"
#include "drivers/ccid/driver_log.hpp"
#include "drivers/ccid/features.hpp"
#include "drivers/ccid/open_reader.hpp"
#include "drivers/ccid/registry.hpp"

#define IFD_EXPORT __attribute__((visibility("default")))

namespace cardea::ccid {
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

/// Runs `body` with the reader and the slot of an open LUN.
template <typename Body>
RESPONSECODE with_slot(DWORD lun, Body body) noexcept {
  return guarded([lun, &body]() -> RESPONSECODE {
    const std::shared_ptr<Reader> reader = registry().find(lun);
    if (!reader) return IFD_COMMUNICATION_ERROR;
    return body(*reader, reader->slot(slot_number(lun)));
  });
}

extern "C" RESPONSECODE wait_for_event(DWORD lun, int timeout_ms) {
  return with_slot(lun, [=](Reader& reader, Slot&) -> RESPONSECODE {
    return reader.monitor().wait(slot_number(lun), milliseconds(std::max(timeout_ms, 0)));
  });
}

extern "C" RESPONSECODE stop_waiting(DWORD lun) {
  return with_slot(lun, [=](Reader& reader, Slot&) -> RESPONSECODE {
    reader.monitor().wake(slot_number(lun));
    return IFD_SUCCESS;
  });
}

template <typename Function>
Bytes pointer_bytes(Function* function) {
  Bytes bytes(sizeof function);
  std::memcpy(bytes.data(), &function, sizeof function);
  return bytes;
}

/// Without an interrupt endpoint the host polls.
std::optional<Bytes> capability(Reader& reader, DWORD lun, DWORD tag) {
  if (tag == TAG_IFD_POLLING_THREAD_WITH_TIMEOUT && reader.has_events()) {
    return pointer_bytes(&wait_for_event);
  }
  if (tag == TAG_IFD_STOP_POLLING_THREAD && reader.has_events()) {
    return pointer_bytes(&stop_waiting);
  }
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

IfdResult<Bytes> features(const Reader& reader, DWORD room) {
  if (room < kFeatureListRoomMin) return ifd_failure(IFD_ERROR_INSUFFICIENT_BUFFER);
  return feature_list(reader.interface().descriptor, reader.options().escape_allowed);
}

IfdResult<Bytes> escape(const Reader& reader, Slot& slot, ByteView command) {
  if (reader.options().escape_allowed) return slot.escape(command);
  log_line(PCSC_LOG_INFO, "an escape command was refused; CARDEA_CCID_ESCAPE=1 allows them");
  return ifd_failure(IFD_COMMUNICATION_ERROR);
}

IfdResult<Bytes> control(Reader& reader, Slot& slot, DWORD code, ByteView input, DWORD room) {
  const CcidDescriptor& descriptor = reader.interface().descriptor;
  const bool has_verification = (descriptor.pin_support & kPinVerification) != 0;
  const bool has_modification = (descriptor.pin_support & kPinModification) != 0;
  switch (code) {
    case kControlGetFeatures:
    case kControlGetFeaturesWindows:
      return features(reader, room);
    case kControlVerifyPin:
      if (!has_verification) break;
      return slot.enter_pin(input, /*is_modification=*/false);
    case kControlModifyPin:
      if (!has_modification) break;
      return slot.enter_pin(input, /*is_modification=*/true);
    case kControlPinProperties:
      return pin_properties(descriptor);
    case kControlTlvProperties:
      return tlv_properties(reader.interface(), reader.options().escape_allowed);
    case kControlEscape:
      return escape(reader, slot, input);
    default:
      break;
  }
  return ifd_failure(IFD_ERROR_NOT_SUPPORTED);
}

}  // namespace
}  // namespace cardea::ccid

namespace ccid = cardea::ccid;
using ccid::Bytes;
using ccid::ByteView;
using ccid::IfdResult;
using ccid::Reader;
using ccid::Slot;

IFD_EXPORT RESPONSECODE IFDHCreateChannelByName(DWORD Lun, LPSTR DeviceName) {
  return ccid::guarded([=]() -> RESPONSECODE {
    const char* const name = DeviceName == nullptr ? "" : DeviceName;
    return ccid::registry().open(Lun, name, ccid::reader_opener());
  });
}

/// A channel number does not say which device is meant.
IFD_EXPORT RESPONSECODE IFDHCreateChannel(DWORD /*Lun*/, DWORD /*Channel*/) {
  return ccid::guarded([]() -> RESPONSECODE {
    ccid::log_line(PCSC_LOG_CRITICAL, "a USB reader is opened by its device name, not a channel");
    return IFD_COMMUNICATION_ERROR;
  });
}

IFD_EXPORT RESPONSECODE IFDHCloseChannel(DWORD Lun) {
  return ccid::guarded([Lun]() -> RESPONSECODE {
    const std::shared_ptr<Reader> reader = ccid::registry().find(Lun);
    if (!reader) return IFD_COMMUNICATION_ERROR;
    // The card shall not stay powered for nobody. It may be out, and the reader too.
    (void)reader->slot(ccid::slot_number(Lun)).power(IFD_POWER_DOWN);
    return ccid::registry().close(Lun) ? IFD_SUCCESS : IFD_COMMUNICATION_ERROR;
  });
}

IFD_EXPORT RESPONSECODE IFDHGetCapabilities(DWORD Lun, DWORD Tag, PDWORD Length, PUCHAR Value) {
  if (Length == nullptr) return IFD_COMMUNICATION_ERROR;
  const DWORD room = *Length;
  *Length = 0;
  return ccid::with_slot(Lun, [=](Reader& reader, Slot&) -> RESPONSECODE {
    const std::optional<Bytes> value = ccid::capability(reader, Lun, Tag);
    return value ? ccid::copy_out(*value, Value, room, *Length) : IFD_ERROR_TAG;
  });
}

/// The host tells that the device was unplugged; nothing else can be set.
IFD_EXPORT RESPONSECODE IFDHSetCapabilities(DWORD Lun, DWORD Tag, DWORD Length, PUCHAR Value) {
  return ccid::with_slot(Lun, [=](Reader& reader, Slot&) -> RESPONSECODE {
    if (Tag != TAG_IFD_DEVICE_REMOVED) return IFD_ERROR_TAG;
    if (Length >= 1 && Value != nullptr && *Value != 0) reader.set_gone();
    return IFD_SUCCESS;
  });
}

/// Hosts pass no flags and PTS bytes; what to negotiate follows from the ATR and the reader.
IFD_EXPORT RESPONSECODE IFDHSetProtocolParameters(DWORD Lun, DWORD Protocol, UCHAR /*Flags*/,
                                                  UCHAR /*PTS1*/, UCHAR /*PTS2*/, UCHAR /*PTS3*/) {
  return ccid::with_slot(Lun,
                         [Protocol](Reader&, Slot& slot) { return slot.set_protocol(Protocol); });
}

IFD_EXPORT RESPONSECODE IFDHPowerICC(DWORD Lun, DWORD Action, PUCHAR Atr, PDWORD AtrLength) {
  DWORD unused_length = 0;
  DWORD& length = AtrLength == nullptr ? unused_length : *AtrLength;
  // Some hosts leave the length to chance; the buffer holds an ATR by contract.
  const DWORD room = ccid::kAtrBytesMax;
  length = 0;
  return ccid::with_slot(Lun, [=, &length](Reader&, Slot& slot) -> RESPONSECODE {
    const IfdResult<Bytes> atr = slot.power(Action);
    return atr ? ccid::copy_out(*atr, Atr, room, length) : atr.error();
  });
}

/// RecvPci stays as the host filled it in: that is the protocol in use. A response longer than the
/// room is not written; IFD_SUCCESS with its length says so.
IFD_EXPORT RESPONSECODE IFDHTransmitToICC(DWORD Lun, SCARD_IO_HEADER SendPci, PUCHAR TxBuffer,
                                          DWORD TxLength, PUCHAR RxBuffer, PDWORD RxLength,
                                          PSCARD_IO_HEADER /*RecvPci*/) {
  if (RxLength == nullptr) return IFD_COMMUNICATION_ERROR;
  const DWORD room = RxBuffer == nullptr ? 0 : *RxLength;
  *RxLength = 0;
  if (TxBuffer == nullptr || TxLength == 0 || TxLength > MAX_BUFFER_SIZE_EXTENDED) {
    return IFD_COMMUNICATION_ERROR;
  }
  return ccid::with_slot(Lun, [=](Reader&, Slot& slot) -> RESPONSECODE {
    const IfdResult<Bytes> response = slot.transmit(SendPci.Protocol, ByteView(TxBuffer, TxLength));
    if (!response) return response.error();
    *RxLength = response->size();
    if (response->size() <= room) std::ranges::copy(*response, RxBuffer);
    return IFD_SUCCESS;
  });
}

IFD_EXPORT RESPONSECODE IFDHICCPresence(DWORD Lun) {
  return ccid::with_slot(Lun, [](Reader&, Slot& slot) { return slot.presence(); });
}

IFD_EXPORT RESPONSECODE IFDHControl(DWORD Lun, DWORD dwControlCode, PUCHAR TxBuffer, DWORD TxLength,
                                    PUCHAR RxBuffer, DWORD RxLength, LPDWORD pdwBytesReturned) {
  if (pdwBytesReturned == nullptr) return IFD_COMMUNICATION_ERROR;
  *pdwBytesReturned = 0;
  const DWORD room = RxBuffer == nullptr ? 0 : RxLength;
  const ByteView input = TxBuffer == nullptr ? ByteView() : ByteView(TxBuffer, TxLength);
  return ccid::with_slot(Lun, [=](Reader& reader, Slot& slot) -> RESPONSECODE {
    const IfdResult<Bytes> answer = ccid::control(reader, slot, dwControlCode, input, room);
    if (!answer) return answer.error();
    if (answer->size() > room) return IFD_ERROR_INSUFFICIENT_BUFFER;
    return ccid::copy_out(*answer, RxBuffer, room, *pdwBytesReturned);
  });
}
