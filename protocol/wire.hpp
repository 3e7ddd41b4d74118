// The messages as they travel: native byte order, 4-byte alignment, the same for 32- and 64-bit
// programs. Sizes and offsets are facts of the protocol (4:3 to 4:6) and are checked here, at
// compile time. A response is the request's struct with some fields overwritten (marked "out");
// it carries no header. TRANSMIT and CONTROL are followed by payload bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cardea::wire {

inline constexpr std::size_t kReaderNameBytes = 128;    ///< including the terminating NUL
inline constexpr std::size_t kAtrBytesMax = 33;         ///< ISO 7816-3
inline constexpr std::size_t kAttributeBytesMax = 264;  ///< MAX_BUFFER_SIZE
inline constexpr std::size_t kPayloadBytesMax = 65548;  ///< MAX_BUFFER_SIZE_EXTENDED
inline constexpr std::size_t kFixedSlots = 16;          ///< entries of GET_READERS_STATE

struct Header {        // requests only
  std::uint32_t size;  ///< bytes of the body, without this header and without payload
  std::uint32_t command;
};

struct Version {
  std::int32_t major;  // out
  std::int32_t minor;  // out
  std::uint32_t rv;    // out
};

struct Establish {
  std::uint32_t scope;
  std::uint32_t context;  // out
  std::uint32_t rv;       // out
};

struct Release {
  std::uint32_t context;
  std::uint32_t rv;  // out
};

struct Connect {
  std::uint32_t context;
  char reader[kReaderNameBytes];
  std::uint32_t share_mode;
  std::uint32_t preferred_protocols;
  std::int32_t card;              // out
  std::uint32_t active_protocol;  // out
  std::uint32_t rv;               // out
};

struct Reconnect {
  std::int32_t card;
  std::uint32_t share_mode;
  std::uint32_t preferred_protocols;
  std::uint32_t initialization;
  std::uint32_t active_protocol;  // out
  std::uint32_t rv;               // out
};

struct Disconnect {
  std::int32_t card;
  std::uint32_t disposition;
  std::uint32_t rv;  // out
};

struct Begin {
  std::int32_t card;
  std::uint32_t rv;  // out
};

struct End {
  std::int32_t card;
  std::uint32_t disposition;
  std::uint32_t rv;  // out
};

struct Transmit {  // followed by send_bytes of payload, both ways
  std::int32_t card;
  std::uint32_t send_pci_protocol;
  std::uint32_t send_pci_length;
  std::uint32_t send_bytes;
  std::uint32_t recv_pci_protocol;  // out
  std::uint32_t recv_pci_length;    // out
  std::uint32_t recv_bytes;         // in: room at the client; out: bytes that follow
  std::uint32_t rv;                 // out
};

struct Control {  // followed by send_bytes of payload, both ways
  std::int32_t card;
  std::uint32_t control_code;
  std::uint32_t send_bytes;
  std::uint32_t recv_bytes_max;
  std::uint32_t bytes_returned;  // out
  std::uint32_t rv;              // out
};

struct Status {
  std::int32_t card;
  std::uint32_t rv;  // out
};

struct Cancel {
  std::int32_t context;
  std::uint32_t rv;  // out
};

struct Attribute {  // GET_ATTRIB and SET_ATTRIB
  std::int32_t card;
  std::uint32_t id;
  std::uint8_t value[kAttributeBytesMax];  // out for GET
  std::uint32_t bytes;                     // in: room or length; out for GET: length
  std::uint32_t rv;                        // out
};

struct WaitBody {  // body of WAIT and STOP up to 4:3; the daemon needs neither field
  std::uint32_t timeout_ms;
  std::uint32_t rv;
};

struct Completion {             // the only unsolicited message: ends a WAIT
  std::uint32_t reader_events;  ///< upstream sends 0 here; see Dialect
  std::uint32_t rv;
};

struct ReaderEvents {  // since 4:5
  std::uint32_t reader_events;
  std::uint32_t rv;
};

struct StateSize {  // since 4:6
  std::int32_t count;
};

struct ReaderState {
  char name[kReaderNameBytes];
  std::uint32_t event_counter;
  std::uint32_t state;
  std::int32_t sharing;  ///< -1 exclusive, else the number of open handles
  std::uint8_t atr[kAtrBytesMax];
  std::uint8_t padding[3];  ///< always 0
  std::uint32_t atr_bytes;
  std::uint32_t protocol;
};

/// Bits of ReaderState::state.
enum StateBit : std::uint32_t {
  kStateUnknown = 0x01,
  kStateAbsent = 0x02,
  kStatePresent = 0x04,
  kStateSwallowed = 0x08,  ///< the card is mute
  kStatePowered = 0x10,
  kStateNegotiable = 0x20,
};

/// Bits of a protocol mask; kProtocolAnyOld is a value of old headers and means T0 and T1.
enum ProtocolBit : std::uint32_t {
  kProtocolUnset = 0,
  kProtocolT0 = 0x01,
  kProtocolT1 = 0x02,
  kProtocolRaw = 0x04,
  kProtocolAnyOld = 0x1000,
};

enum class ShareMode : std::uint32_t { exclusive = 1, shared = 2, direct = 3 };
enum class Disposition : std::uint32_t { leave = 0, reset = 1, unpower = 2, eject = 3 };
inline constexpr std::uint32_t kScopeMax = 3;

#define CARDEA_WIRE(type, bytes) \
  static_assert(sizeof(type) == (bytes) && alignof(type) == 4, #type " has the protocol's size")
#define CARDEA_AT(type, field, offset) \
  static_assert(offsetof(type, field) == (offset), #type "." #field " has the protocol's place")

CARDEA_WIRE(Header, 8);
CARDEA_AT(Header, command, 4);
CARDEA_WIRE(Version, 12);
CARDEA_AT(Version, minor, 4);
CARDEA_AT(Version, rv, 8);
CARDEA_WIRE(Establish, 12);
CARDEA_AT(Establish, context, 4);
CARDEA_AT(Establish, rv, 8);
CARDEA_WIRE(Release, 8);
CARDEA_AT(Release, rv, 4);
CARDEA_WIRE(Connect, 152);
CARDEA_AT(Connect, reader, 4);
CARDEA_AT(Connect, share_mode, 132);
CARDEA_AT(Connect, preferred_protocols, 136);
CARDEA_AT(Connect, card, 140);
CARDEA_AT(Connect, active_protocol, 144);
CARDEA_AT(Connect, rv, 148);
CARDEA_WIRE(Reconnect, 24);
CARDEA_AT(Reconnect, share_mode, 4);
CARDEA_AT(Reconnect, preferred_protocols, 8);
CARDEA_AT(Reconnect, initialization, 12);
CARDEA_AT(Reconnect, active_protocol, 16);
CARDEA_AT(Reconnect, rv, 20);
CARDEA_WIRE(Disconnect, 12);
CARDEA_AT(Disconnect, disposition, 4);
CARDEA_AT(Disconnect, rv, 8);
CARDEA_WIRE(Begin, 8);
CARDEA_AT(Begin, rv, 4);
CARDEA_WIRE(End, 12);
CARDEA_AT(End, disposition, 4);
CARDEA_AT(End, rv, 8);
CARDEA_WIRE(Transmit, 32);
CARDEA_AT(Transmit, send_pci_protocol, 4);
CARDEA_AT(Transmit, send_pci_length, 8);
CARDEA_AT(Transmit, send_bytes, 12);
CARDEA_AT(Transmit, recv_pci_protocol, 16);
CARDEA_AT(Transmit, recv_pci_length, 20);
CARDEA_AT(Transmit, recv_bytes, 24);
CARDEA_AT(Transmit, rv, 28);
CARDEA_WIRE(Control, 24);
CARDEA_AT(Control, control_code, 4);
CARDEA_AT(Control, send_bytes, 8);
CARDEA_AT(Control, recv_bytes_max, 12);
CARDEA_AT(Control, bytes_returned, 16);
CARDEA_AT(Control, rv, 20);
CARDEA_WIRE(Status, 8);
CARDEA_AT(Status, rv, 4);
CARDEA_WIRE(Cancel, 8);
CARDEA_AT(Cancel, rv, 4);
CARDEA_WIRE(Attribute, 280);
CARDEA_AT(Attribute, id, 4);
CARDEA_AT(Attribute, value, 8);
CARDEA_AT(Attribute, bytes, 272);
CARDEA_AT(Attribute, rv, 276);
CARDEA_WIRE(WaitBody, 8);
CARDEA_AT(WaitBody, rv, 4);
CARDEA_WIRE(Completion, 8);
CARDEA_AT(Completion, rv, 4);
CARDEA_WIRE(ReaderEvents, 8);
CARDEA_AT(ReaderEvents, rv, 4);
CARDEA_WIRE(StateSize, 4);
CARDEA_WIRE(ReaderState, 184);
CARDEA_AT(ReaderState, event_counter, 128);
CARDEA_AT(ReaderState, state, 132);
CARDEA_AT(ReaderState, sharing, 136);
CARDEA_AT(ReaderState, atr, 140);
CARDEA_AT(ReaderState, padding, 173);
CARDEA_AT(ReaderState, atr_bytes, 176);
CARDEA_AT(ReaderState, protocol, 180);

#undef CARDEA_WIRE
#undef CARDEA_AT

}  // namespace cardea::wire
