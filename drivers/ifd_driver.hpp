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

#include "base/clock.hpp"
#include "drivers/ifd_rv.hpp"

namespace cardea {

enum class PowerAction { up, down, reset };

/// SCARD_IO_HEADER of the API. Protocols count from 0 here (T=0 is 0, T=1 is 1, RAW is 4), unlike
/// in the masks of set_protocol().
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

  /// `received` is out only: bytes the card answered, 0 after a failure. It may exceed
  /// response.size(), which says that the answer did not fit. `recv_pci` is in and out; drivers
  /// disagree about what they leave there.
  virtual IfdRv transmit(IfdPci send_pci, std::span<const std::byte> command,
                         std::span<std::byte> response, std::size_t& received,
                         IfdPci& recv_pci) = 0;

  /// `returned` is out only: bytes in `response`, at most response.size(), 0 after a failure.
  virtual IfdRv control(std::uint32_t code, std::span<const std::byte> command,
                        std::span<std::byte> response, std::size_t& returned) = 0;

  /// `length` is out only: bytes in `value`. After insufficient_buffer it is what the driver would
  /// need, after another failure 0. A success with length 0 means "not supported" in many drivers.
  virtual IfdRv get_capability(std::uint32_t tag, std::span<std::byte> value,
                               std::size_t& length) = 0;
  virtual IfdRv set_capability(std::uint32_t tag, std::span<const std::byte> value) = 0;

  /// True if the driver has a blocking wait for card movements
  /// (TAG_IFD_POLLING_THREAD_WITH_TIMEOUT).
  [[nodiscard]] virtual bool has_wait_event() const = 0;

  /// Blocks until something may have changed, the time is over or stop_waiting() was called.
  virtual IfdRv wait_event(milliseconds timeout) = 0;

  /// True if stop_waiting() works (TAG_IFD_STOP_POLLING_THREAD).
  [[nodiscard]] virtual bool can_stop_waiting() const = 0;

  /// Makes a running wait_event() or the next one return. False if the driver has no such call
  /// (TAG_IFD_STOP_POLLING_THREAD): then a wait ends by its timeout only.
  virtual bool stop_waiting() = 0;

  /// API 2.0 handlers take RAW and eject through control(), and refuse empty input there.
  [[nodiscard]] virtual bool is_version_2() const = 0;
};

}  // namespace cardea
