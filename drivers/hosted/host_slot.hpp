// One slot in a driver host: takes the daemon's calls from a socket, makes them on the driver, and
// answers. One thread for calls; a second one for waits, if the driver has such. Owned by the
// host's main thread, which alone calls its functions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "base/unique_fd.hpp"
#include "drivers/hosted/host_socket.hpp"
#include "drivers/hosted/host_wire.hpp"
#include "drivers/ifd_library.hpp"
#include "drivers/in_process_driver.hpp"

namespace cardea {

/// The daemon's next request on `socket`, with what came with it; `payload` is room for its bytes.
/// Blocks. nullopt: the daemon is gone, or sent what is no request. Any thread.
std::optional<host_wire::Request> receive_request(int socket, std::span<std::byte> payload,
                                                  MessageFds& fds);

class HostSlot {
 public:
  HostSlot(std::shared_ptr<const IfdLibrary> library, std::uint32_t lun, UniqueFd calls,
           UniqueFd waits);
  ~HostSlot();
  HostSlot(const HostSlot&) = delete;
  HostSlot& operator=(const HostSlot&) = delete;

  void start();
  /// Ends a wait that is running. Never waits for calls.
  void stop() EXCLUDES(mutex_);
  /// After the daemon has closed its sockets: true if the channel was closed, or never opened, and
  /// the threads have ended; false if they are still in the driver after this time.
  bool ends_within(milliseconds patience) EXCLUDES(mutex_);

 private:
  struct Answer {
    host_wire::Reply reply;
    std::span<const std::byte> payload;
  };

  void take_calls();
  void take_waits();
  Answer answer(const host_wire::Request& request, std::span<const std::byte> payload);
  Answer open(const host_wire::Request& request, std::span<const std::byte> payload)
      EXCLUDES(mutex_);
  Answer power(const host_wire::Request& request);
  Answer transmit(const host_wire::Request& request, std::span<const std::byte> command);
  void close() EXCLUDES(mutex_);
  void ended() EXCLUDES(mutex_);

  const std::shared_ptr<const IfdLibrary> library_;
  const std::uint32_t lun_;
  const UniqueFd calls_;
  const UniqueFd waits_;
  /// Changed by the thread of calls, under the lock; the thread of waits is there only in between.
  std::unique_ptr<InProcessDriver> driver_;
  Mutex mutex_;  ///< a driver that is stopped is not being closed
  CondVar changed_;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::vector<std::byte> request_;  ///< of the thread of calls, like the next
  std::vector<std::byte> answer_;
  std::thread wait_thread_;
  std::thread call_thread_;
};

}  // namespace cardea
