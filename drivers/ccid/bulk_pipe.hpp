// What the driver needs of a USB interface: the edge between the CCID logic and libusb. One object
// per interface, owned by its reader; the tests put a reader's model behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "drivers/ccid/bytes.hpp"

namespace cardea::ccid {

enum class IoStatus : std::uint8_t {
  ok,
  timeout,
  cancelled,  ///< read_interrupt() only
  gone,       ///< the device was unplugged; stays so
  error,
};

struct IoResult {
  IoStatus status = IoStatus::error;
  std::size_t bytes = 0;  ///< transferred
};

class BulkPipe {
 public:
  BulkPipe() = default;
  BulkPipe(const BulkPipe&) = delete;
  BulkPipe& operator=(const BulkPipe&) = delete;
  virtual ~BulkPipe() = default;

  /// Any thread, also beside read().
  virtual IoStatus write(ByteView message, int timeout_ms) = 0;
  /// One thread at a time.
  virtual IoResult read(std::span<std::uint8_t> room, int timeout_ms) = 0;

  [[nodiscard]] virtual bool has_interrupt() const = 0;
  /// One thread at a time, beside all others. Ends early when cancel_interrupt() is called, or at
  /// once if that was called before.
  virtual IoResult read_interrupt(std::span<std::uint8_t> room, int timeout_ms) = 0;
  virtual void cancel_interrupt() noexcept = 0;

  /// The class request ABORT (CCID Rev 1.1, 5.3.1) on the control pipe.
  virtual IoStatus request_abort(std::uint8_t slot, std::uint8_t sequence, int timeout_ms) = 0;
};

}  // namespace cardea::ccid
