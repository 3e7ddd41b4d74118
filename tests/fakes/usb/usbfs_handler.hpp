// Answers the ioctls of programs that have opened an emulated device node: the bridge between
// umockdev and the UsbDevice behind the node. umockdev calls it on its worker thread.
//
// The listener of a node stays when its device goes: a program that has the node open but has not
// connected yet would be aborted by umockdev if there was nobody to connect to.
#pragma once

#include <umockdev.h>

#include <memory>

#include "base/mutex.hpp"
#include "tests/fakes/usb/usb_device.hpp"

namespace cardea::usb_fake {

/// Which device programs reach that open the node from now on. Thread-safe.
class DeviceNode {
 public:
  explicit DeviceNode(std::shared_ptr<UsbDevice> device) : device_(std::move(device)) {}

  /// Who has opened the node before keeps the device of before.
  void replace(std::shared_ptr<UsbDevice> device) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    device_ = std::move(device);
  }
  [[nodiscard]] std::shared_ptr<UsbDevice> device() const EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return device_;
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<UsbDevice> device_ GUARDED_BY(mutex_);
};

/// A new handler with one reference, which the caller owns. The handler keeps the node alive.
UMockdevIoctlBase* make_usbfs_handler(std::shared_ptr<DeviceNode> node);

}  // namespace cardea::usb_fake
