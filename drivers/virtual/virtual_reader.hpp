// One virtual reader: its slots, and what moves cards in and out of them (the control socket, the
// vpcd listener). Made at the first IFDHCreateChannel of a reader number, shut down at the last
// IFDHCloseChannel. Owned by the registry. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/virtual/control_command.hpp"
#include "drivers/virtual/control_server.hpp"
#include "drivers/virtual/device_name.hpp"
#include "drivers/virtual/slot.hpp"
#include "drivers/virtual/vpcd_listener.hpp"

namespace cardea::virtual_reader {

class VirtualReader {
 public:
  /// Fills the slots and starts the threads the settings ask for.
  static Result<std::shared_ptr<VirtualReader>> create(const ReaderSettings& settings);
  ~VirtualReader() { shut_down(); }
  VirtualReader(const VirtualReader&) = delete;
  VirtualReader& operator=(const VirtualReader&) = delete;

  /// Ends the threads and removes all cards, which ends running calls. Twice is allowed; not
  /// concurrently.
  void shut_down();

  [[nodiscard]] const ReaderSettings& settings() const { return settings_; }
  /// number < settings().slots
  [[nodiscard]] Slot& slot(unsigned number) const { return *slots_.at(number); }
  [[nodiscard]] bool has_open_slot() const;

  /// Runs one control command and returns its answer: zero or more lines, then "ok ..." or
  /// "error ...", each ended by a newline. Slots have changed when it returns.
  std::string execute(std::string_view line);

 private:
  explicit VirtualReader(const ReaderSettings& settings);
  std::string insert(const ControlCommand& command);
  std::string remove(const ControlCommand& command);
  [[nodiscard]] std::string status() const;

  const ReaderSettings settings_;
  std::vector<std::shared_ptr<Slot>> slots_;
  std::unique_ptr<VpcdListener> vpcd_;
  std::unique_ptr<ControlServer> control_;  // after vpcd_: its thread reads vpcd_'s ports
};

}  // namespace cardea::virtual_reader
