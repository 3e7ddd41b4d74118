// What the daemon asks of a reader driver, whoever provides it: an IFD handler library in this
// process (InProcessDriver), one in a process of its own, or a script in tests. One object is one
// slot of one reader (one LUN). Names and values follow the IFD handler API 2.0/3.0 (MUSCLE
// "IFD Handler Developer Documentation").
//
// Threads: all calls but wait_event() and stop_waiting() are made by one thread at a time, over
// all drivers that share a SafetyDomain. wait_event() runs on a thread of its own, concurrently
// with everything; stop_waiting() may be called from any thread while it runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/clock.hpp"

namespace cardea {

/// IFD_* results that the daemon tells apart. The numbers are the API's.
enum class IfdRv : long {
  success = 0,
  tag = 600,
  pts_failure = 605,
  error_not_supported = 606,
  protocol_not_supported = 607,
  power_action = 608,
  communication_error = 612,
  response_timeout = 613,
  not_supported = 614,
  icc_present = 615,
  icc_not_present = 616,
  no_such_device = 617,
  insufficient_buffer = 618,
};

/// "IFD_COMMUNICATION_ERROR" or the number.
std::string to_string(IfdRv rv);

enum class PowerAction { up, down, reset };

/// ICC_PROTOCOL numbers as IFD handlers count them: T=0 is 0 in a PCI, 1 in a protocol mask.
struct IfdPci {
  unsigned long protocol = 0;
  unsigned long length = 0;
};

struct AtrBytes {
  std::array<std::uint8_t, 33> bytes{};
  std::size_t length = 0;
  [[nodiscard]] std::span<const std::uint8_t> view() const { return {bytes.data(), length}; }
};

class IfdDriver {
 public:
  IfdDriver() = default;
  IfdDriver(const IfdDriver&) = delete;
  IfdDriver& operator=(const IfdDriver&) = delete;
  /// Closes the channel if it is open. No other call may be running.
  virtual ~IfdDriver() = default;

  /// success or icc_present: a card is in; icc_not_present: none; else the reader has a fault.
  virtual IfdRv presence() = 0;

  /// `atr` is written for up and reset; its length is 0 after a failure. A successful power-up
  /// may leave it empty (memory cards).
  virtual IfdRv power(PowerAction action, AtrBytes& atr) = 0;

  /// protocol: 1 for T=0, 2 for T=1. The driver does PPS and sets its own parameters.
  virtual IfdRv set_protocol(std::uint32_t protocol) = 0;

  /// `received` is in: room in `response`, out: bytes the card answered (may exceed the room).
  virtual IfdRv transmit(IfdPci send_pci, std::span<const std::byte> command,
                         std::span<std::byte> response, std::size_t& received,
                         IfdPci& recv_pci) = 0;

  virtual IfdRv control(std::uint32_t code, std::span<const std::byte> command,
                        std::span<std::byte> response, std::size_t& returned) = 0;

  /// `length` is out only; the room is value.size().
  virtual IfdRv get_capability(std::uint32_t tag, std::span<std::byte> value,
                               std::size_t& length) = 0;
  virtual IfdRv set_capability(std::uint32_t tag, std::span<const std::byte> value) = 0;

  /// True if the driver has a blocking wait for card movements
  /// (TAG_IFD_POLLING_THREAD_WITH_TIMEOUT).
  [[nodiscard]] virtual bool has_wait_event() const = 0;

  /// Blocks until something may have changed, the time is over or stop_waiting() was called.
  virtual IfdRv wait_event(milliseconds timeout) = 0;

  /// Makes a running wait_event() or the next one return. False if the driver has no such call
  /// (TAG_IFD_STOP_POLLING_THREAD): then a wait ends by its timeout only.
  virtual bool stop_waiting() = 0;

  /// API 2.0 handlers take RAW and eject through control(), and refuse empty input there.
  [[nodiscard]] virtual bool is_version_2() const = 0;
};

}  // namespace cardea
