// Where log records go: in the foreground to the journal if systemd has connected us to it, else as
// text to the terminal or file; in the background to syslog. Chosen once, before there are threads.
#pragma once

#include "daemon/options.hpp"

namespace cardea {

/// Installs the sink of base/log. Call once, before threads are started.
void install_log(const Options& options);

}  // namespace cardea
