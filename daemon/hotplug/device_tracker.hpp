// Decides which readers are opened and closed, and when: every device that is there shall be open,
// once, and nothing else. It follows what scans find, takes the outcomes of opening and closing,
// tries failed devices again after growing pauses, and replaces a reader whose device was plugged
// anew or answers nothing but faults. A pure state machine: time comes with each call, what is to
// be done is left in Actions. Not thread-safe; ReaderManager owns it under its lock.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "daemon/hotplug/usb_interface.hpp"
#include "drivers/reader_conf.hpp"

namespace cardea {

/// What a reader can be opened on.
struct ReaderDevice {
  std::string key;       ///< its place
  std::string identity;  ///< this connection; another one at the same place is a new device
  std::variant<UsbInterface, ReaderConfEntry> source;

  [[nodiscard]] bool is_usb() const { return std::holds_alternative<UsbInterface>(source); }
};

/// One attempt to have a device open, from the order to open it until it is closed or has failed.
using ReaderInstance = std::uint64_t;

class DeviceTracker {
 public:
  struct Settings {
    milliseconds retry_first{1'000};     ///< pause after the first failure; doubles each time
    milliseconds retry_longest{60'000};  ///< the longest pause
    unsigned attempts_max = 10;          ///< failures in a row before it is left alone
    milliseconds close_patience{1'000};  ///< a driver that holds on delays its successor by this
    milliseconds stable_after{30'000};   ///< a reader that lived so long starts counting anew
  };

  struct Open {
    ReaderInstance instance = 0;
    ReaderDevice device;
  };
  struct Close {
    ReaderInstance instance = 0;
    bool device_gone = false;
  };
  struct Actions {
    std::vector<Open> open;
    std::vector<Close> close;
    std::vector<log::Record> records;
  };

  enum class Outcome { open, not_mine, failed };

  explicit DeviceTracker(Settings settings) : settings_(settings) {}

  /// All devices of one kind (USB or configured) that are there now. `moved`: keys or USB port
  /// paths where events happened; a device that failed there is tried again at once.
  void update(bool usb, const std::vector<ReaderDevice>& present,
              const std::set<std::string>& moved, TimePoint now, Actions& actions);
  /// The device at this key, or all at this USB port path, are gone; the next update() may find
  /// them, or others, again.
  void unplugged(const std::string& place, TimePoint now, Actions& actions);
  /// Forgets failures and tries all devices that are not open, also those no driver wanted.
  void retry_all(Actions& actions);

  /// Open ended. not_mine: the driver does not serve this interface; that is no failure.
  void opened(ReaderInstance instance, Outcome outcome, TimePoint now, Actions& actions);
  /// An open reader answers nothing but faults. USB readers are opened anew; configured ones stay,
  /// because their driver may just be waiting for the other side.
  void faulty(ReaderInstance instance, TimePoint now, Actions& actions);
  /// The driver's process has ended. The reader is closed and opened again: at once if it had
  /// worked for Settings::stable_after or this is the first time, else after a growing pause.
  void crashed(ReaderInstance instance, TimePoint now, Actions& actions);
  /// Close has ended; also for readers that went without an order.
  void closed(ReaderInstance instance, TimePoint now, Actions& actions);

  [[nodiscard]] std::optional<TimePoint> next_deadline() const;
  void expire(TimePoint now, Actions& actions);

  /// Keys of the devices that are open.
  [[nodiscard]] std::set<std::string> open_keys_for_test() const;

 private:
  enum class State {
    opening,
    open,
    closing,   ///< or opening what is not wanted any more; `due` ends the patience
    waiting,   ///< failed; tried again at `due`
    not_mine,  ///< the driver does not want it
    given_up,
  };

  struct Place {
    std::optional<ReaderDevice> wanted;  ///< what is plugged in now
    bool usb = false;
    State state = State::opening;
    ReaderInstance instance = 0;  ///< opening, open, closing
    unsigned failures = 0;
    bool crashed = false;  ///< once, since it was stable; that is no failure yet
    bool lost = false;     ///< opening: its driver's process has ended meanwhile
    TimePoint since;       ///< open
    TimePoint due;         ///< closing, waiting
  };
  using Places = std::map<std::string, Place>;

  Places::iterator remove(Places::iterator place, TimePoint now, Actions& actions);
  void start(Place& place, Actions& actions);
  void restart(Place& place, TimePoint now, Actions& actions);
  void stop(Place& place, bool device_gone, TimePoint now, Actions& actions);
  /// What comes after the last instance has ended: the next one, a pause, or the place is removed.
  void go_on(Places::iterator place, TimePoint now, Actions& actions);
  void pause(Place& place, TimePoint now, Actions& actions);
  void replace(Place& place, const ReaderDevice& device, bool moved, TimePoint now,
               Actions& actions);
  [[nodiscard]] milliseconds retry_pause(unsigned failures) const;
  [[nodiscard]] Places::iterator find(ReaderInstance instance);

  const Settings settings_;
  Places places_;  ///< by key; bounded by what is plugged in and configured
  ReaderInstance last_instance_ = 0;
};

}  // namespace cardea
