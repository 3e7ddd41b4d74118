// The test's side of a ScriptedDriver: the reader and card it pretends to be, what its next calls
// answer, and what was called. Shared by test and driver, so that a test can look after the code
// under test has destroyed the driver. Thread-safe; nothing here sleeps or reads a clock but the
// limits of wait_until_..., which only end a test that would hang.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "drivers/ifd_driver.hpp"

namespace cardea {

enum class DriverCall : std::size_t {
  presence,
  power,
  set_protocol,
  transmit,
  control,
  get_capability,
  set_capability,
  wait_event,
};
inline constexpr std::size_t kDriverCalls = 8;

class DriverScript final {
 public:
  using Bytes = std::vector<std::uint8_t>;

  /// Offers T=0 and T=1.
  static const Bytes kAtrT01;
  static const Bytes kAtrT0;
  static const Bytes kAtrT1;

  /// Movements. Each ends a running or the next wait_event(), as a reader's interrupt does.
  void insert_card(Bytes atr = kAtrT01);
  void insert_mute_card();
  void remove_card();

  /// The next call of this kind that nothing was queued for yet fails with, or just returns, `rv`.
  void queue_result(DriverCall call, IfdRv rv);
  /// Answer of the next transmit() or control() that comes to answer; without one a transmit gives
  /// 90 00 and a control() fails with error_not_supported.
  void queue_response(DriverCall call, Bytes response);
  /// What get_capability() answers; unknown tags fail with IfdRv::tag.
  void set_capability_value(std::uint32_t tag, Bytes value);

  /// Calls of this kind block, after they were recorded, until release().
  void hold(DriverCall call);
  void release(DriverCall call);
  /// False if no call is held within the limit.
  [[nodiscard]] bool wait_until_held(DriverCall call);

  /// Ends a running or the next wait_event() without a movement, as its timeout would.
  void signal_event();

  /// What was called so far, e.g. "presence", "power up", "set_protocol 2", "transmit 1 00A40000",
  /// "control 42000D48 ", "get_capability 0FAE", "set_capability 0FB4 01", "wait_event 5000",
  /// "stop_waiting", "close".
  [[nodiscard]] std::vector<std::string> calls() const;
  /// False if `line` is not recorded `times` times within the limit.
  [[nodiscard]] bool wait_until_called(const std::string& line, std::size_t times = 1);

 private:
  friend class ScriptedDriver;
  enum class Card { none, good, mute };

  static std::size_t index(DriverCall call) { return static_cast<std::size_t>(call); }
  void move_card(Card card, Bytes atr);
  void record(const std::string& line) REQUIRES(mutex_);
  /// Records a call and blocks while its kind is held.
  void enter(DriverCall call, const std::string& line) REQUIRES(mutex_);
  /// The queued result of this kind, taken off its queue, or `otherwise`.
  IfdRv result_of(DriverCall call, IfdRv otherwise) REQUIRES(mutex_);
  /// Takes a queued response into `out`; false if there is none.
  bool take_response(DriverCall call, Bytes& out) REQUIRES(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  Card card_ GUARDED_BY(mutex_) = Card::none;
  Bytes atr_ GUARDED_BY(mutex_);
  bool powered_ GUARDED_BY(mutex_) = false;
  bool event_pending_ GUARDED_BY(mutex_) = false;
  std::array<std::deque<IfdRv>, kDriverCalls> results_ GUARDED_BY(mutex_);
  std::array<std::deque<Bytes>, kDriverCalls> responses_ GUARDED_BY(mutex_);
  std::array<bool, kDriverCalls> held_ GUARDED_BY(mutex_){};
  std::array<std::size_t, kDriverCalls> blocked_ GUARDED_BY(mutex_){};
  std::map<std::uint32_t, Bytes> capabilities_ GUARDED_BY(mutex_);
  std::vector<std::string> calls_ GUARDED_BY(mutex_);
};

}  // namespace cardea
