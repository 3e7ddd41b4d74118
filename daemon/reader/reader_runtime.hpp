// What runs for one reader slot outside the core: its open driver and, if the driver can wait for
// card movements, the thread that does. Shared by the server and the job in progress; closed by
// the reader's close job, when no driver call can be running.
#pragma once

#include <memory>

#include "daemon/reader/presence_monitor.hpp"
#include "drivers/ifd_driver.hpp"

namespace cardea {

struct ReaderRuntime {
  std::unique_ptr<IfdDriver> driver;
  std::unique_ptr<PresenceMonitor> monitor;

  /// Stops the monitor, closes the channel. Blocks as long as the driver does.
  void close() {
    if (monitor) monitor->stop();
    monitor.reset();
    driver.reset();
  }
};

}  // namespace cardea
