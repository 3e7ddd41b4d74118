// An emulated device as the kernel shows it to programs: transfers that wait, end and are fetched,
// interfaces that one program at a time may claim, and the moment when all of it is gone. What is
// behind the endpoints is a CcidFunction per reader interface.
//
// Shared by the tree of devices and by every program that still has the device open. Thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/mutex.hpp"
#include "tests/fakes/usb/ccid_function.hpp"

namespace cardea::usb_fake {

/// A transfer. The host lends the memory until the transfer is fetched or its handle is closed.
struct Urb {
  std::uint64_t address = 0;  ///< where it lies in the host's memory: its identity
  bool is_control = false;
  std::uint8_t endpoint = 0;
  std::span<std::uint8_t> data;  ///< of a control transfer: setup packet and data
  std::shared_ptr<void> memory;  ///< keeps data alive; the giver knows what it is
  int status = 0;                ///< 0 or a negative errno, when it has ended
  std::size_t length = 0;        ///< bytes moved, without a setup packet
};

class UsbDevice {
 public:
  /// Transfers of one handle; beyond that submit() fails with ENOMEM, as in the kernel.
  static constexpr std::size_t kUrbsMax = 64;
  /// One open() of the device node.
  using Handle = const void*;

  struct Counters {
    unsigned opens = 0;    ///< since the device is there
    unsigned claims = 0;   ///< attempts, with those that failed
    unsigned claimed = 0;  ///< interfaces now
    unsigned commands = 0;
    unsigned transfers = 0;  ///< that programs have submitted
    unsigned held = 0;       ///< APDUs whose answer hangs
    unsigned powered = 0;
    unsigned unanswered = 0;  ///< handles of a device that vanished before it answered a command
  };

  explicit UsbDevice(const DeviceSpec& spec);

  // Programs. Results: 0 or an errno.

  void open(Handle handle) EXCLUDES(mutex_);
  void close(Handle handle) EXCLUDES(mutex_);
  int claim(Handle handle, unsigned interface) EXCLUDES(mutex_);
  int release(Handle handle, unsigned interface) EXCLUDES(mutex_);
  int submit(Handle handle, Urb urb) EXCLUDES(mutex_);
  int discard(Handle handle, std::uint64_t address) EXCLUDES(mutex_);
  /// A transfer that has ended, or nothing: EAGAIN, or ENODEV once the device is gone.
  struct Reaped {
    std::optional<Urb> urb;
    int error = 0;
  };
  Reaped reap(Handle handle) EXCLUDES(mutex_);
  /// 0, or ENODEV once the device is gone: for requests with no other effect here.
  int poke() EXCLUDES(mutex_);
  int port_reset() EXCLUDES(mutex_);

  // The cable: from now on everything ends with ENODEV.

  void disconnect() EXCLUDES(mutex_);

  // The user. False: there is no reader interface or slot of this number, or see CcidFunction.

  bool insert(unsigned reader, unsigned slot, CardKind kind, virtual_reader::AtrKind atr)
      EXCLUDES(mutex_);
  bool remove(unsigned reader, unsigned slot) EXCLUDES(mutex_);
  void lose_card_power() EXCLUDES(mutex_);
  void hang(bool on) EXCLUDES(mutex_);
  void set_answer_delay(milliseconds delay) EXCLUDES(mutex_);
  void fail_claims(unsigned count) EXCLUDES(mutex_);
  void fail_answers(unsigned count) EXCLUDES(mutex_);

  [[nodiscard]] Counters counters() const EXCLUDES(mutex_);

 private:
  struct Opened {
    std::deque<Urb> waiting;
    std::deque<Urb> ended;
    bool is_answered = false;  ///< a command, at least once
  };

  void run_control(Urb& urb) REQUIRES(mutex_);
  void feed(Opened& opened, TimePoint now) REQUIRES(mutex_);
  bool try_to_end(Opened& opened, Urb& urb, TimePoint now) REQUIRES(mutex_);
  void end_all(int status) REQUIRES(mutex_);
  CcidFunction* function_of(unsigned interface) REQUIRES(mutex_);
  /// Of the reader interfaces only, counted from 0.
  CcidFunction* reader(unsigned number) REQUIRES(mutex_);

  const DeviceSpec spec_;
  mutable Mutex mutex_;
  std::map<unsigned, CcidFunction> functions_ GUARDED_BY(mutex_);  ///< by interface
  std::map<Handle, Opened> handles_ GUARDED_BY(mutex_);
  std::map<unsigned, Handle> owners_ GUARDED_BY(mutex_);  ///< of claimed interfaces
  unsigned failing_claims_ GUARDED_BY(mutex_);
  unsigned opens_ GUARDED_BY(mutex_) = 0;
  unsigned claims_ GUARDED_BY(mutex_) = 0;
  unsigned transfers_ GUARDED_BY(mutex_) = 0;
  bool gone_ GUARDED_BY(mutex_) = false;
};

}  // namespace cardea::usb_fake
