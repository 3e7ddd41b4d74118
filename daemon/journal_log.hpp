// Where log records go: a terminal or file in the foreground, syslog otherwise.
#pragma once

#include "daemon/options.hpp"

namespace cardea {

/// Installs the sink of base/log. Call once, before threads are started.
void install_log(const Options& options);

}  // namespace cardea
