// The daemon's side of the keeper: a small process, forked before the daemon has threads, clients
// or secrets, that starts a driver host when it is told to, ends it when it is told to, and reports
// how it ended. The daemon itself never runs another program, so it can give up the right to.
//
// Keeper and hosts end with the daemon, whatever becomes of it.
//
// Thread-safe but for create() and the destructor.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/log.hpp"
#include "base/mutex.hpp"
#include "base/result.hpp"
#include "drivers/hosted/host_socket.hpp"
#include "drivers/hosted/host_wire.hpp"

namespace cardea {

/// How a host ended, when nobody had asked it to.
struct HostEnd {
  enum class How { exited, killed };
  How how = How::exited;
  int value = 0;  ///< status or signal
};

/// "was killed by signal 11 (Segmentation fault)", "ended with status 3".
std::string to_string(const HostEnd& end);

class HostKeeper {
 public:
  using Ended = std::function<void(const HostEnd&)>;

  struct Host {
    std::uint64_t id = 0;
    pid_t pid = 0;
    UniqueFd socket;
  };

  struct Settings {
    std::string program = "/proc/self/exe";  ///< run with kDriverHostArgument
    bool driver_dumps = false;               ///< see set_driver_dumps()
    bool keep_output = false;  ///< hosts write to our standard output and error, else nowhere
  };

  /// Forks. To be called while the process has one thread and no descriptor that a driver must not
  /// have. Errors: no process or descriptor is left.
  static Result<std::unique_ptr<HostKeeper>> create(const Settings& settings);
  /// Ends the keeper, which gives hosts that are still there a moment to end.
  ~HostKeeper();
  HostKeeper(const HostKeeper&) = delete;
  HostKeeper& operator=(const HostKeeper&) = delete;

  /// Starts the thread that takes reports, and passes the hosts' messages to the log. `lost`: the
  /// keeper is gone, and all hosts with it; called on that thread.
  void listen(std::function<void()> lost);

  /// Returns when no function that was given is running or will be called.
  void stop_listening();

  /// A fresh host, which has loaded nothing. `ended` is called once, on the listening thread, if it
  /// ends before release(). Errors: internal_error with the reason.
  Result<Host> start_host(Ended ended) EXCLUDES(mutex_);
  /// Kills it now; `ended` follows.
  void kill_host(std::uint64_t id);
  /// Keeps something until its end has been reported: whoever is to be told.
  void keep(std::uint64_t id, std::shared_ptr<const void> what) EXCLUDES(mutex_);
  /// Its end is expected from now on and reported to nobody.
  void release(std::uint64_t id) EXCLUDES(mutex_);

 private:
  struct Entry {
    Ended ended;
    std::optional<Result<pid_t>> started;  ///< none: not known yet
    std::shared_ptr<const void> kept;      ///< goes outside of the lock: it may call release()
  };

  HostKeeper(pid_t keeper, UniqueFd orders, UniqueFd log);
  void run();
  bool take_report() EXCLUDES(mutex_);
  void take_log();
  void end_all() EXCLUDES(mutex_);

  const pid_t keeper_;
  UniqueFd orders_;
  const UniqueFd log_;
  const UniqueFd quit_;  ///< eventfd: the thread is to end
  std::function<void()> lost_;
  std::thread thread_;

  Mutex mutex_;
  CondVar reported_;
  bool gone_ GUARDED_BY(mutex_) = false;
  std::uint64_t last_id_ GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, Entry> hosts_ GUARDED_BY(mutex_);  ///< bounded by the readers
};

}  // namespace cardea
