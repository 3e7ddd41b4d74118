// What an administrator can switch by environment variables of the daemon. Read when a reader is
// opened.
#pragma once

namespace cardea::ccid {

struct DriverOptions {
  bool escape_allowed = false;  ///< CARDEA_CCID_ESCAPE=1: clients may send vendor commands
  bool log_traffic = false;     ///< CARDEA_CCID_LOG=1: every message as a debug line
};

DriverOptions read_driver_options();

}  // namespace cardea::ccid
