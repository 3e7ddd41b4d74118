// What the process that reads clients' bytes gives up when all drivers run in processes of their
// own: whoever took it over could neither run a program, nor reach a reader's hardware, the
// internet or the memory of another process. Enforced by the kernel (seccomp), for good and for
// all threads made later.
#pragma once

#include "base/result.hpp"

namespace cardea {

enum class FrontUsb {
  closed,  ///< no requests to USB devices
  open,    ///< the libusb back end asks devices itself
};

/// To be called while there is one thread. Refused from then on, with EPERM: to run programs; to
/// look into processes; io_uring, which goes past such rules; kernel interfaces that a daemon has
/// no use for; requests to USB devices, unless `usb` is open; sockets of other families than Unix
/// and netlink. Error (internal_error): the kernel, or this machine's architecture, has no such
/// filters; nothing is given up then.
Result<void> drop_front_rights(FrontUsb usb);

}  // namespace cardea
