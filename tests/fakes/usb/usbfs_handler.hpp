// Answers the ioctls of programs that have opened an emulated device node: the bridge between
// umockdev and a UsbDevice. One per node; umockdev owns it and calls it on its worker thread.
#pragma once

#include <umockdev.h>

#include <memory>

#include "tests/fakes/usb/usb_device.hpp"

namespace cardea::usb_fake {

/// A new handler with one reference, which the caller owns. The handler keeps the device alive.
UMockdevIoctlBase* make_usbfs_handler(std::shared_ptr<UsbDevice> device);

}  // namespace cardea::usb_fake
