// SCardGetStatusChange: fetch, evaluate, wait, again. Runs on the calling thread.
#pragma once

#include <pcsclite.h>

#include <memory>
#include <span>

#include "base/scard_rv.hpp"
#include "libpcsclite/client_context.hpp"

namespace cardea {

/// The whole call on a context that was just looked up. `timeout_ms` as given by the application:
/// INFINITE and (DWORD)-1 mean no limit. The names in `states` are not NULL.
[[nodiscard]] ScardRv wait_for_status_change(std::shared_ptr<ClientContext> context,
                                             DWORD timeout_ms, std::span<SCARD_READERSTATE> states);

}  // namespace cardea
