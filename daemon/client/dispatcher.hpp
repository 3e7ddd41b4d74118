// From a frame to the core: which command calls what. One table, immutable; any thread that holds
// the core's lock.
#pragma once

#include "base/clock.hpp"
#include "daemon/core/core.hpp"
#include "protocol/framer.hpp"

namespace cardea {

/// Passes a request of `conn` to the core. CMD_VERSION is not for here: the connection handles it.
void dispatch(core::Core& core, core::ConnId conn, const wire::Frame& frame, TimePoint now,
              core::Effects& fx);

}  // namespace cardea
