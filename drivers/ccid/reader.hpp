// One reader: its USB interface, the conversation on it and its slots. Shared by the calls that
// run on it; owned by the registry.
//
// Threads: thread-safe.
#pragma once

#include <memory>
#include <vector>

#include "drivers/ccid/ccid_device.hpp"
#include "drivers/ccid/driver_options.hpp"
#include "drivers/ccid/slot.hpp"
#include "drivers/ccid/slot_change_monitor.hpp"
#include "drivers/ccid/usb_interface.hpp"

namespace cardea::ccid {

class Reader {
 public:
  /// Takes over the claimed interface. Errors: the reader works at a level that is not supported,
  /// or does not answer; a log line says so.
  static IfdResult<std::shared_ptr<Reader>> create(std::unique_ptr<BulkPipe> pipe,
                                                   UsbInterface interface,
                                                   const DriverOptions& options);

  [[nodiscard]] const UsbInterface& interface() const { return interface_; }
  [[nodiscard]] const DriverOptions& options() const { return options_; }
  [[nodiscard]] unsigned slots() const { return interface_.descriptor.slots; }
  /// All slots may be busy at once.
  [[nodiscard]] bool slots_are_independent() const;
  [[nodiscard]] bool has_events() const { return pipe_->has_interrupt(); }

  Slot& slot(unsigned number) { return *slots_[number]; }
  SlotChangeMonitor& monitor() { return monitor_; }

  /// The host saw the device leave: whatever still waits for it ends.
  void set_gone();

 private:
  Reader(std::unique_ptr<BulkPipe> pipe, UsbInterface interface, const DriverOptions& options);

  const std::unique_ptr<BulkPipe> pipe_;
  const UsbInterface interface_;
  const DriverOptions options_;
  CcidDevice device_;
  SlotChangeMonitor monitor_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace cardea::ccid
