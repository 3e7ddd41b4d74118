// The command line and the environment of pcscd, checked and stored; nobody else reads either.
// Parsed once by main before threads are started; read-only afterwards.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "base/result.hpp"
#include "daemon/core/idle_policy.hpp"
#include "daemon/core/quota_limits.hpp"
#include "daemon/driver_modes.hpp"
#include "daemon/hotplug/hotplug_kind.hpp"
#include "daemon/power_policy.hpp"

namespace cardea {

inline constexpr std::size_t kBytesPerMib = 1024 * 1024;

/// Paths are absolute.
struct Options {
  enum class Action { run, hotplug, check_config, help, version };
  Action action = Action::run;

  bool foreground = false;
  bool color = false;  ///< also where standard output is no terminal
  bool log_apdus = false;
  bool driver_dumps = false;  ///< see set_driver_dumps()
  /// COMPAT: pcsc-lite logs errors only unless asked for more; we say as well what was refused and
  /// why, which its manual calls the default too.
  log::Level level = log::Level::info;

  std::string config = "/etc/reader.conf.d";  ///< directory or file
  bool config_given = false;                  ///< then it must exist
  std::string socket;
  std::string bundle_directory;             ///< where driver bundles (*.bundle) are
  std::string ignore_readers;               ///< PCSCLITE_FILTER_IGNORE_READER_NAMES
  std::string extend_readers;               ///< PCSCLITE_FILTER_EXTEND_READER_NAMES
  bool names_without_serial = false;        ///< of USB readers
  bool names_without_interface = false;     ///< of USB readers
  std::optional<std::string> generic_ccid;  ///< empty: default_generic_ccid()
  PowerPolicy power;
  DriverModes drivers;
  std::string access_rules = "/etc/cardea/access.rules";
  bool access_rules_given = false;  ///< then the file must exist
  bool polkit = true;               ///< is asked where this machine has it

  HotplugKind hotplug_backend = HotplugKind::automatic;
  std::chrono::seconds forced_polling{0};  ///< of the USB bus, for the libusb back end; 0: off

  /// COMPAT: 200 with pcsc-lite, whose clients cost a thread each.
  std::size_t clients_max = 10'000;
  std::size_t handles_per_context_max = 200;
  /// COMPAT: 200 with pcsc-lite, where one user can take them all. Here one user other than root
  /// gets half of this at most.
  std::size_t handles_per_reader_max = 400;
  std::optional<std::size_t> clients_per_user_max;  ///< none: half of what can be served
  std::size_t handles_per_user_max = core::QuotaLimits{}.handles;
  std::size_t calls_per_user_max = core::QuotaLimits{}.calls;
  std::size_t mib_per_user_max = core::QuotaLimits{}.bytes / kBytesPerMib;
  std::size_t legacy_slots = 16;
  std::chrono::seconds idle_holder{10};  ///< 0: never
  core::IdlePolicy idle_holder_policy = core::IdlePolicy::report;
  bool auto_exit = false;  ///< end after auto_exit_limit without clients
  std::chrono::seconds auto_exit_limit{60};

  /// The CCID driver that stands in where no bundle lists a reader.
  [[nodiscard]] std::string default_generic_ccid() const {
    return bundle_directory + "/serial/libifdccid.so";
  }
};

/// Longest time for --auto-exit.
inline constexpr std::chrono::seconds kAutoExitMax{86'400};

/// Longest --idle-holder.
inline constexpr std::chrono::seconds kIdleHolderMax{86'400};

/// Longest --force-reader-polling.
inline constexpr std::chrono::seconds kForcedPollingMax{3600};

/// One option as users know it; usage(), the parser and the check of the manual use this table.
struct OptionRow {
  enum class Argument { none, required, optional };

  char letter;       ///< 0: there is only the long name
  const char* name;  ///< without "--"
  Argument argument;
  const char* argument_name;  ///< null without argument
  const char* help;           ///< may have several lines
  Result<void> (*store)(const OptionRow& row, const char* argument, Options& options);
};

std::span<const OptionRow> option_table();

/// Reads the arguments and the variables PCSCLITE_CSOCK_NAME, PCSCLITE_HP_DROPDIR,
/// PCSCLITE_FILTER_IGNORE_READER_NAMES and PCSCLITE_FILTER_EXTEND_READER_NAMES (not if the program
/// is set-uid or the like). Relative paths count from the current directory. Not thread-safe.
/// Errors (invalid_parameter): an unknown option, a bad value or a stray argument; the context
/// says which, unless getopt has said so on standard error.
Result<Options> parse_options(int argc, char* const argv[]);

std::string usage();
std::string version_text();

}  // namespace cardea
