// The log level at run time: org.freedesktop.LogControl1 on the system bus, for `systemctl
// service-log-level pcscd debug`. Without a bus there is no such control and all else works. The
// thread it has of its own is the only one that uses the bus.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/log.hpp"
#include "base/unique_fd.hpp"

struct sd_bus;

namespace cardea {

/// systemd's name of a level, e.g. "warning" or "err".
const char* log_level_name(log::Level level) noexcept;
/// nullopt: not a name of systemd's. We have fewer levels; the nearest one that says no less.
std::optional<log::Level> log_level_named(std::string_view name) noexcept;

class LogControl {
 public:
  /// The unit's BusName=.
  static constexpr const char* kBusName = "org.cardea.pcscd";

  /// Connects to the system bus and answers there; nullptr if there is none. Does not wait for it:
  /// a bus that does not give us the name ends the control, and nobody is told. `target`: where the
  /// log goes, in systemd's words: "journal", "console" or "syslog".
  static std::unique_ptr<LogControl> create(std::string target);
  ~LogControl();
  LogControl(const LogControl&) = delete;
  LogControl& operator=(const LogControl&) = delete;

  [[nodiscard]] const std::string& target() const { return target_; }

 private:
  LogControl(sd_bus* bus, UniqueFd stop, std::string target);
  void run();

  sd_bus* const bus_;
  const UniqueFd stop_;  ///< eventfd: end the thread
  const std::string target_;
  std::thread thread_;
};

}  // namespace cardea
