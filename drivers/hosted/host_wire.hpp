// The bytes between the daemon and its driver hosts: what one process says becomes one message of
// a SOCK_SEQPACKET socket, a header of fixed size and a payload. Both ends are the same program, so
// there is no version; but a host runs foreign code, so the daemon believes nothing that it says,
// and a host refuses likewise. Numbers are little-endian. No pointer, no exception, no state: pure
// functions, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/log.hpp"

namespace cardea::host_wire {

/// Bytes of a command or an answer: as much as handlers are given room for (kIfdResponseBytes).
inline constexpr std::size_t kDataBytesMax = 65'548;
/// Bytes of a path, a device's name or an error's text.
inline constexpr std::size_t kTextBytesMax = 4'096;
inline constexpr std::size_t kAtrBytesMax = 33;
/// Bytes of a capability's value (MAX_BUFFER_SIZE).
inline constexpr std::size_t kCapabilityBytesMax = 264;
/// Longest wait_event(), in milliseconds.
inline constexpr std::uint32_t kWaitMsMax = 600'000;

enum class Kind : std::uint32_t {
  // On the socket of the host.
  load = 1,  ///< payload: path of the library. Answered.
  slot = 2,  ///< with two descriptors: sockets of calls and of waits. Not answered.
  stop = 3,  ///< stop_waiting() of `lun`. Not answered.
  // On the socket of a slot's calls, all answered.
  open = 4,  ///< `lun`, `argument`: channel; payload: device name
  close = 5,
  presence = 6,
  power = 7,         ///< `argument`: PowerAction
  set_protocol = 8,  ///< `argument`: protocol
  transmit = 9,      ///< payload: command
  control = 10,      ///< `argument`: code; payload: command
  get_capability = 11,
  set_capability = 12,
  // On the socket of a slot's waits; answered.
  wait = 13,  ///< `argument`: milliseconds
};

struct Pci {
  std::uint64_t protocol = 0;
  std::uint64_t length = 0;

  friend bool operator==(const Pci&, const Pci&) = default;
};

/// Daemon to host.
struct Request {
  Kind kind = Kind::presence;
  std::uint32_t number = 0;             ///< counts up on each socket; the answer carries it
  log::Level level = log::Level::info;  ///< from here on the host logs nothing below
  std::uint32_t lun = 0;
  std::uint32_t argument = 0;
  std::uint32_t room = 0;   ///< bytes the payload of the answer may have
  std::uint32_t bytes = 0;  ///< of the payload
  Pci send_pci;             ///< transmit
  Pci recv_pci;             ///< transmit

  friend bool operator==(const Request&, const Request&) = default;
};
inline constexpr std::size_t kRequestBytes = 7 * 4 + 4 * 8;

/// Host to daemon.
struct Reply {
  static constexpr std::uint32_t kHasWait = 1;     ///< open: IfdDriver::has_wait_event()
  static constexpr std::uint32_t kCanStop = 2;     ///< open: can_stop_waiting()
  static constexpr std::uint32_t kIsVersion2 = 4;  ///< load, open: is_version_2()
  static constexpr std::uint32_t kFlags = 7;

  Kind kind = Kind::presence;
  std::uint32_t number = 0;
  std::int64_t rv = 0;       ///< IfdRv; of load and open a ScardRv, with a text if it failed
  std::uint32_t length = 0;  ///< bytes the driver has, or would have, to give
  std::uint32_t bytes = 0;   ///< of the payload
  std::uint32_t flags = 0;
  Pci recv_pci;  ///< transmit

  friend bool operator==(const Reply&, const Reply&) = default;
};
inline constexpr std::size_t kReplyBytes = 5 * 4 + 3 * 8;

using RequestBytes = std::array<std::byte, kRequestBytes>;
using ReplyBytes = std::array<std::byte, kReplyBytes>;

RequestBytes encode(const Request& request);
ReplyBytes encode(const Reply& reply);

/// `message_bytes`: of the whole message, header and payload. nullopt if it is malformed: of an
/// unknown kind, with a payload that this kind does not have, too much of it or not what the
/// header says, or with an argument out of range.
std::optional<Request> decode_request(std::span<const std::byte> header, std::size_t message_bytes);
/// `request`: what was asked; an answer to anything else is malformed too.
std::optional<Reply> decode_reply(std::span<const std::byte> header, std::size_t message_bytes,
                                  const Request& request);

/// Bytes of the payload that an answer to `request` may have.
std::size_t payload_max(const Request& request);

// What a host has to log: its own messages and those of the driver.

inline constexpr std::size_t kLogBytesMax = 4'096;
inline constexpr std::size_t kLogFieldsMax = 4;

/// Cuts what is too long.
std::vector<std::byte> encode_log(const log::Record& record);
/// nullopt if it is malformed. Of the events only those that drivers cause are known; others come
/// out as none, so that a driver cannot speak for the daemon.
std::optional<log::Record> decode_log(std::span<const std::byte> message);

// Daemon and keeper, see host_keeper.hpp.

struct KeeperOrder {
  enum class Kind : std::uint32_t { start = 1, kill = 2 };  ///< start: with the host's socket
  Kind kind = Kind::start;
  std::uint64_t host = 0;
};

struct KeeperReport {
  enum class Kind : std::uint32_t {
    started = 1,  ///< `value`: process id
    failed = 2,   ///< to start; `value`: errno
    exited = 3,   ///< `value`: status
    killed = 4,   ///< `value`: signal
  };
  Kind kind = Kind::started;
  std::uint64_t host = 0;
  std::uint32_t value = 0;
};

inline constexpr std::size_t kOrderBytes = 4 + 8;
inline constexpr std::size_t kReportBytes = 4 + 4 + 8;
using OrderBytes = std::array<std::byte, kOrderBytes>;
using ReportBytes = std::array<std::byte, kReportBytes>;

OrderBytes encode(const KeeperOrder& order);
ReportBytes encode(const KeeperReport& report);
std::optional<KeeperOrder> decode_order(std::span<const std::byte> message);
std::optional<KeeperReport> decode_report(std::span<const std::byte> message);

}  // namespace cardea::host_wire
