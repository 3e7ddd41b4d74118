// Where drivers run: each in a process of its own (hosted) or in the daemon (--driver-host), and
// how long their calls may take then (--driver-limit). Built from options, then constant; any
// thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "drivers/hosted/host_limits.hpp"

namespace cardea {

class DriverModes {
 public:
  enum class Mode { hosted, in_process };

  /// Rules that may be given.
  static constexpr std::size_t kRulesMax = 64;

  /// "hosted" or "in-process" for all drivers, or NAME=MODE for those whose path is NAME or has a
  /// part of this name ("ifd-ccid.bundle", "libccid.so"). The last rule that fits counts; one with
  /// a name beats one for all. Error: invalid_parameter with what is allowed.
  Result<void> add(std::string_view rule);
  /// "KIND=SECONDS", with KIND one of open, query, power, exchange, stable. Error: as add().
  Result<void> add_limit(std::string_view rule);

  [[nodiscard]] bool is_hosted(std::string_view library_path) const;
  /// True if some driver may be hosted.
  [[nodiscard]] bool any_hosted() const;
  /// True if no driver whatever is loaded into the daemon.
  [[nodiscard]] bool all_hosted() const;
  [[nodiscard]] const HostLimits& limits() const { return limits_; }

 private:
  struct Rule {
    std::string name;  ///< empty: all drivers
    Mode mode;
  };

  [[nodiscard]] Mode general() const;

  std::vector<Rule> rules_;
  HostLimits limits_;
};

}  // namespace cardea
