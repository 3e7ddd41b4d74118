// What runs for one reader slot outside the core: its open driver and, if the driver can wait for
// card movements, the thread that does. Shared by the server and the job in progress; closed by
// the reader's close job, when no driver call can be running.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "daemon/reader/presence_monitor.hpp"
#include "drivers/ifd_driver.hpp"
#include "drivers/ifd_queries.hpp"

namespace cardea {

struct ReaderRuntime {
  std::unique_ptr<IfdDriver> driver;
  std::unique_ptr<PresenceMonitor> monitor;
  std::uint64_t owner = 0;               ///< Server::ReaderOwner
  std::atomic<bool> device_gone{false};  ///< unplugged: its driver need not wait for answers

  /// Stops the monitor, closes the channel. Blocks as long as the driver does.
  void close() {
    if (device_gone) announce_removal(*driver);
    if (monitor) monitor->stop(device_gone);
    monitor.reset();
    driver.reset();
  }
};

}  // namespace cardea
