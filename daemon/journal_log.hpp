// Where log records go: in the foreground to the journal if systemd has connected us to it, else as
// text to the terminal or file; in the background to syslog. Chosen once, before there are threads.
#pragma once

#include "daemon/options.hpp"

namespace cardea {

/// Installs the sink of base/log. Call once, before threads are started.
/// The result says where records go, in systemd's words: "journal", "console" or "syslog".
const char* install_log(const Options& options);

/// Writes the summaries of what has been left out that are due now. To be called by whoever waits
/// for signals when log_signal() comes.
void write_log_summaries();
/// Writes all of them: the program ends.
void write_last_log_summaries();

}  // namespace cardea
