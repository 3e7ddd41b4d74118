// The one switch of log_msg and log_xxd, which drivers log through. Any thread.
#pragma once

namespace cardea {

/// COMPAT: pcsc-lite logs these bytes whenever its level is debug.
/// True: what drivers print of the bytes they exchange is logged as it is, PINs included. False,
/// the default: the lengths only.
void set_driver_dumps(bool shown) noexcept;

}  // namespace cardea
