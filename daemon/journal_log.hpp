// Where log records go: a terminal or file in the foreground, syslog otherwise.
#pragma once

#include "base/log.hpp"

namespace cardea {

/// Installs the sink of base/log. Call once, before threads are started.
void install_log(bool foreground, log::Level least);

}  // namespace cardea
