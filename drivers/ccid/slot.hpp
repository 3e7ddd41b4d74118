// One slot of a reader and the card in it: power, protocol, exchange, PIN entry. It speaks the
// words of the IFD handler API (3.0); results are IFD_* codes. Owned by its Reader.
//
// Threads: thread-safe; one call at a time reaches the card, the others wait for it.
#pragma once

#include <functional>
#include <optional>

#include "base/mutex.hpp"
#include "drivers/ccid/card_parameters.hpp"
#include "drivers/ccid/ccid_device.hpp"
#include "drivers/ccid/pin.hpp"
#include "drivers/ccid/t1_protocol.hpp"
#include "drivers/ccid/usb_interface.hpp"

namespace cardea::ccid {

class Slot {
 public:
  /// `device` and `interface` outlive this object. `look_again` makes the host's next wait for a
  /// card movement return at once.
  Slot(CcidDevice& device, const UsbInterface& interface, std::uint8_t number,
       std::function<void()> look_again);

  /// Sees to it that the reader answers, as it may still have to finish with an earlier program.
  RESPONSECODE warm_up() EXCLUDES(mutex_);

  /// IFD_ICC_PRESENT, IFD_ICC_NOT_PRESENT (also for a device that is gone) or an error. A card that
  /// lost its power without us is another one: it is reported absent once.
  RESPONSECODE presence() EXCLUDES(mutex_);
  /// action: IFD_POWER_UP, IFD_RESET (both: a reset with an ATR) or IFD_POWER_DOWN.
  IfdResult<Bytes> power(DWORD action) EXCLUDES(mutex_);
  /// protocol: 1 for T=0, 2 for T=1. Negotiates what the reader leaves to its driver.
  RESPONSECODE set_protocol(DWORD protocol) EXCLUDES(mutex_);
  /// protocol: 0 for T=0, 1 for T=1, 4 for raw. `command` is an APDU or a TPDU of T=0, as the
  /// reader's exchange level has it; GET RESPONSE of T=0 is the caller's.
  IfdResult<Bytes> transmit(DWORD protocol, ByteView command) EXCLUDES(mutex_);
  IfdResult<Bytes> escape(ByteView command) EXCLUDES(mutex_);
  /// `structure` is a PIN_VERIFY_STRUCTURE or PIN_MODIFY_STRUCTURE.
  IfdResult<Bytes> enter_pin(ByteView structure, bool is_modification) EXCLUDES(mutex_);

  /// Of the powered card; empty without one.
  [[nodiscard]] Bytes atr() const EXCLUDES(mutex_);

 private:
  IfdResult<Bytes> power_up() REQUIRES(mutex_);
  IfdResult<Bytes> power_up_with(std::uint8_t voltage) REQUIRES(mutex_);
  RESPONSECODE power_down() REQUIRES(mutex_);
  void take_atr(Bytes atr) REQUIRES(mutex_);
  void forget_card() REQUIRES(mutex_);
  RESPONSECODE negotiate(Protocol protocol) REQUIRES(mutex_);
  RESPONSECODE exchange_pps(Protocol protocol, std::uint8_t& fi_di) REQUIRES(mutex_);
  RESPONSECODE set_parameters(Protocol protocol, std::uint8_t fi_di) REQUIRES(mutex_);
  RESPONSECODE start_t1() REQUIRES(mutex_);
  void make_t1() REQUIRES(mutex_);
  T1Link t1_link() REQUIRES(mutex_);

  IfdResult<Answer> transfer_block(ByteView data, std::uint16_t level) REQUIRES(mutex_);
  IfdResult<Bytes> transfer_whole(ByteView data) REQUIRES(mutex_);
  IfdResult<Bytes> transfer_extended(ByteView command) REQUIRES(mutex_);
  RESPONSECODE check_transfer(const Answer& answer) REQUIRES(mutex_);
  IfdResult<Bytes> card_outcome(Answer answer) REQUIRES(mutex_);
  IfdResult<Bytes> finish_pin(Answer answer) REQUIRES(mutex_);
  IfdResult<Answer> send(Command command, std::array<std::uint8_t, 3> parameters, ByteView data,
                         int timeout_ms) REQUIRES(mutex_);
  [[nodiscard]] bool uses_t1_blocks() const REQUIRES(mutex_);

  CcidDevice& device_;
  const UsbInterface& interface_;
  const std::uint8_t number_;
  const std::function<void()> look_again_;

  mutable Mutex mutex_;
  bool powered_ GUARDED_BY(mutex_) = false;
  Bytes atr_ GUARDED_BY(mutex_);
  AtrInfo card_ GUARDED_BY(mutex_);
  std::optional<Protocol> protocol_ GUARDED_BY(mutex_);  ///< once set
  std::optional<T1Protocol> t1_ GUARDED_BY(mutex_);
  int timeout_ms_ GUARDED_BY(mutex_) = kUnknownTimeoutMs;  ///< of one block
};

}  // namespace cardea::ccid
