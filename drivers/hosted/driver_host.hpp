// The daemon's side of one driver host: one process with one handler library, for one reader. Its
// slots (HostedDriver) share it. Whoever first finds it gone or silent loses it: then, once, the
// owner is told, all running calls end, and no call is made any more. Thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "base/result.hpp"
#include "drivers/hosted/host_keeper.hpp"
#include "drivers/hosted/host_limits.hpp"
#include "drivers/hosted/host_socket.hpp"
#include "drivers/hosted/host_wire.hpp"

namespace cardea {

class DriverHost : public std::enable_shared_from_this<DriverHost> {
 public:
  struct Ending {
    std::string how;     ///< "was killed by signal 11 (Segmentation fault)"
    bool by_us = false;  ///< it was killed because a call did not end, or had a malformed answer
  };

  /// What becomes of a host; called on any thread, and once each.
  struct Events {
    std::function<void()> lost;  ///< no call will succeed; those that run end after this
    std::function<void(const Ending&)> ended;  ///< its process has; after `lost`
  };

  /// Starts a process and has it load the library. `keeper` is borrowed. Errors: as
  /// IfdLibrary::load(), and what loading did to the process.
  static Result<std::shared_ptr<DriverHost>> start(HostKeeper& keeper,
                                                   const std::string& library_path,
                                                   const HostLimits& limits, Events events);
  /// For tests: a host that serves the other end of `socket`, and ends by itself.
  static std::shared_ptr<DriverHost> attach(UniqueFd socket, const HostLimits& limits,
                                            Events events);
  Result<void> load(const std::string& library_path);
  /// The process ends by itself, if it still can.
  ~DriverHost();
  DriverHost(const DriverHost&) = delete;
  DriverHost& operator=(const DriverHost&) = delete;

  [[nodiscard]] const HostLimits& limits() const { return limits_; }
  [[nodiscard]] const std::string& library_path() const { return library_path_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool is_lost() const EXCLUDES(mutex_);

  /// The sockets of one more slot. Errors: reader_unavailable.
  struct SlotSockets {
    UniqueFd calls;
    UniqueFd waits;
  };
  Result<SlotSockets> add_slot(std::uint32_t lun);
  /// Ends a wait of that slot.
  void stop_waiting(std::uint32_t lun);

  /// One request and its answer on one of the slot's sockets, or the host's own. `payload` of the
  /// answer goes into `room`. nullopt if the host is lost, by this call or before.
  struct Call {
    host_wire::Request request;
    std::span<const std::byte> payload;
    std::span<std::byte> room;
    milliseconds limit{0};
    const char* name = "";  ///< of what was asked, for people
  };
  std::optional<host_wire::Reply> call(int socket, const Call& call) EXCLUDES(mutex_);
  /// It is of no use any more; returns when Events::lost has. Not from within that. `why`, if it
  /// still runs, is what is wrong: then it is killed.
  void lose(const std::string& why) EXCLUDES(mutex_);
  /// Waits a moment for the process of a lost host to be gone: until then it may hold the device.
  void await_end() EXCLUDES(mutex_);
  /// How it ended, once that is known; waits a moment for that.
  std::string describe_end() EXCLUDES(mutex_);

 private:
  DriverHost(const HostLimits& limits, Events events)
      : limits_(limits), events_(std::move(events)) {}
  void on_end(const HostEnd& end) EXCLUDES(mutex_);
  /// Returns when the keeper has said how it ended, and at the deadline.
  void wait_for_end(TimePoint deadline) REQUIRES(mutex_);

  const HostLimits limits_;
  const Events events_;
  HostKeeper* keeper_ = nullptr;  ///< constant after start(), like the next three
  std::uint64_t id_ = 0;
  pid_t pid_ = 0;
  UniqueFd socket_;
  std::string library_path_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool lost_ GUARDED_BY(mutex_) = false;
  TimePoint lost_at_ GUARDED_BY(mutex_);
  bool told_ GUARDED_BY(mutex_) = false;  ///< Events::lost has returned
  std::string why_ GUARDED_BY(mutex_);    ///< it was killed by us
  std::optional<std::string> end_ GUARDED_BY(mutex_);
};

}  // namespace cardea
