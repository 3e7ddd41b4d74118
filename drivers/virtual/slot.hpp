// One slot of a virtual reader: whether a card is in, whether it has power, and who waits for
// that to change. It speaks the words of the IFD handler API (3.0); results are IFD_* codes.
// Shared by its reader, the control server and the vpcd listener.
//
// Threads: thread-safe. Calls that reach the card take their turn; insert(), remove(), presence(),
// wait_event() and stop_waiting() never wait for a card.
#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "drivers/virtual/virtual_card.hpp"

namespace cardea::virtual_reader {

/// What may be shown of a slot, at one moment.
struct SlotStatus {
  std::string_view card_kind;  ///< empty: no card
  bool powered = false;
  Bytes atr;                   ///< empty without power
  std::uint32_t protocol = 0;  ///< 1: T=0, 2: T=1, 0: none set
};

class Slot {
 public:
  /// False if a card is in already.
  bool insert(std::shared_ptr<VirtualCard> card) EXCLUDES(mutex_);
  /// Takes out whatever card is in; a running transmit returns. False if none was in. `unseen`:
  /// nobody who waits is told, as if it happened while the computer slept.
  bool remove(bool unseen = false) EXCLUDES(mutex_);
  /// The same, but only if it is this card.
  bool remove(const VirtualCard& card, bool unseen = false) EXCLUDES(mutex_);

  /// A closed slot keeps its card, unpowered, but never blocks a wait.
  void open() EXCLUDES(mutex_);
  void close() EXCLUDES(mutex_);
  [[nodiscard]] bool is_open() const EXCLUDES(mutex_);

  [[nodiscard]] SlotStatus status() const EXCLUDES(mutex_);

  /// IFD_ICC_PRESENT or IFD_ICC_NOT_PRESENT. A card that was swapped for another since the last
  /// call is reported absent once, so that the host notices.
  RESPONSECODE presence() EXCLUDES(mutex_);
  /// action: IFD_POWER_UP, IFD_POWER_DOWN or IFD_RESET. `atr` is empty after a failure.
  RESPONSECODE power(DWORD action, Bytes& atr) EXCLUDES(exchange_mutex_, mutex_);
  /// protocol: 1 for T=0, 2 for T=1.
  RESPONSECODE set_protocol(DWORD protocol) EXCLUDES(mutex_);
  RESPONSECODE transmit(ByteView command, Bytes& response) EXCLUDES(exchange_mutex_, mutex_);

  /// Returns when a card was inserted or removed since the last return, when stop_waiting() was
  /// called, when the slot is closed, or when the time is over.
  void wait_event(milliseconds timeout) EXCLUDES(mutex_);
  /// Makes a running wait_event() return or, if there is none, the next one.
  void stop_waiting() EXCLUDES(mutex_);

 private:
  RESPONSECODE power_on(DWORD action, Bytes& atr) REQUIRES(exchange_mutex_) EXCLUDES(mutex_);
  void power_off() REQUIRES(exchange_mutex_) EXCLUDES(mutex_);
  RESPONSECODE check_usable() const REQUIRES(mutex_);
  void forget_power() REQUIRES(mutex_);
  void note_change() REQUIRES(mutex_);

  /// Held across a call into the card; order: exchange_mutex_ before mutex_.
  Mutex exchange_mutex_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::shared_ptr<VirtualCard> card_ GUARDED_BY(mutex_);
  Bytes atr_ GUARDED_BY(mutex_);  ///< not empty: powered
  std::uint32_t protocol_ GUARDED_BY(mutex_) = 0;
  std::uint64_t changes_ GUARDED_BY(mutex_) = 0;       ///< insertions and removals
  std::uint64_t changes_told_ GUARDED_BY(mutex_) = 0;  ///< as of the last return of wait_event()
  bool told_present_ GUARDED_BY(mutex_) = false;       ///< last answer of presence()
  bool owes_absent_ GUARDED_BY(mutex_) = false;  ///< the card told present is gone, not yet told
  bool stop_requested_ GUARDED_BY(mutex_) = false;
  bool open_ GUARDED_BY(mutex_) = false;
};

}  // namespace cardea::virtual_reader
