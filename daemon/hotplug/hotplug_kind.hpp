// How readers that come and go are noticed.
#pragma once

namespace cardea {

enum class HotplugKind {
  automatic,  ///< the best that this system offers
  udev,
  libusb,
  none,  ///< only the readers of reader.conf
};

}  // namespace cardea
