// Where log records go: in the foreground to the journal if systemd has connected us to it, else as
// text to the terminal or file; in the background to syslog. Chosen once, before there are threads.
#pragma once

#include "daemon/options.hpp"

namespace cardea {

/// Installs the sink of base/log. Call once, before threads are started.
/// The result says where records go, in systemd's words: "journal", "console" or "syslog".
const char* install_log(const Options& options);

}  // namespace cardea
