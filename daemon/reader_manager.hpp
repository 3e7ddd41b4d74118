// Keeps the readers in step with the world: those of reader.conf and those that USB hot-plug
// finds. It asks the back end what is there, lets DeviceTracker decide, and has the pool open and
// close readers, so that a driver that hangs delays nothing but its own readers.
//
// Thread-safe. Must outlive the server's threads.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "daemon/client/server.hpp"
#include "daemon/hotplug/device_tracker.hpp"
#include "daemon/hotplug/hotplug_backend.hpp"
#include "daemon/io/deadline_timer.hpp"
#include "daemon/reader_opener.hpp"
#include "drivers/driver_bundle.hpp"
#include "drivers/reader_conf.hpp"

namespace cardea {

class ReaderManager {
 public:
  struct Settings {
    std::string reader_conf;         ///< directory or file
    bool reader_conf_given = false;  ///< then it must exist
    std::string bundle_directory;
    std::optional<std::string> generic_ccid;  ///< driver for CCID readers that no bundle lists
    NameRules names;
    std::string ignored_names;  ///< PCSCLITE_FILTER_IGNORE_READER_NAMES
    ReaderOpener::Settings opener;
    DeviceTracker::Settings tracker;
  };

  /// `server` is borrowed; `backend` may be null: then there are only the readers of reader.conf.
  static Result<std::unique_ptr<ReaderManager>> create(Server& server, Settings settings,
                                                       std::unique_ptr<HotplugBackend> backend);

  /// Before Server::start(): reads the configuration, starts opening what is there and follows
  /// hot-plug from then on. State requests of clients wait for the outcome of the first openings.
  /// Error: the reader.conf path that was asked for cannot be read.
  Result<void> start() EXCLUDES(mutex_);
  /// Reads the configuration again, looks for devices, and tries those that have failed. Blocks
  /// for the time that reading takes.
  void rescan() EXCLUDES(mutex_);
  /// After Server::start(): looks for USB devices, of whose coming and going we may not have heard,
  /// and tries those that have failed. Returns at once.
  void look_again() EXCLUDES(mutex_);
  /// Before Server::stop(): opens nothing from here on.
  void stop() EXCLUDES(mutex_);

 private:
  ReaderManager(Server& server, Settings settings, std::unique_ptr<HotplugBackend> backend,
                DeadlineTimer timer);
  using Actions = DeviceTracker::Actions;

  Result<ReaderConf> read_reader_conf();
  void read_bundles() EXCLUDES(mutex_);
  void on_hotplug() EXCLUDES(mutex_, scanning_);
  void on_timer() EXCLUDES(mutex_);
  void on_closed(Server::ReaderOwner owner) EXCLUDES(mutex_);

  /// What is plugged in and has a driver. Asks devices for their strings, which may take a while;
  /// nullopt if that is not possible now.
  std::optional<std::vector<ReaderDevice>> scan() REQUIRES(scanning_) EXCLUDES(mutex_);
  [[nodiscard]] bool is_wanted(const UsbInterface& interface) EXCLUDES(mutex_);
  [[nodiscard]] std::string base_name(const UsbInterface& interface,
                                      const DriverChoice& choice) const;
  void mention(const ReaderDevice& device, const std::string& why) EXCLUDES(mutex_);
  [[nodiscard]] std::shared_ptr<const DriverBundles> bundles() EXCLUDES(mutex_);
  [[nodiscard]] std::vector<ReaderDevice> configured_devices(const ReaderConf& conf)
      EXCLUDES(mutex_);

  /// Runs `visit(now, actions)` under the lock and carries out the actions.
  template <typename Visit>
  void with_tracker(Server::Clients clients, const Visit& visit) EXCLUDES(mutex_);
  void carry_out(Server::Clients clients, Actions actions) EXCLUDES(mutex_);
  /// What is to be opened with one library: one after the other, in the order of the devices,
  /// because that decides about their numbers. There while somebody works on it.
  struct Line {
    Server::Clients clients = Server::Clients::go_on;
    std::uint64_t worker = 0;  ///< never the number of another one
    std::deque<DeviceTracker::Open> orders;
    /// When somebody else goes on with what follows; none: not before this opening has ended.
    std::optional<TimePoint> pass_on_at;
  };
  void set_timer() REQUIRES(mutex_);
  void queue(Server::Clients clients, DeviceTracker::Open order) EXCLUDES(mutex_);
  /// The line has got a new worker: sets it to work.
  void start_line(const std::string& library) EXCLUDES(mutex_);
  void open_line(const std::string& library, std::uint64_t worker) EXCLUDES(mutex_);
  void pass_on_lines() EXCLUDES(mutex_);
  /// Nobody can work on this line: its orders have failed, and are given again later.
  void give_up(const std::string& library) EXCLUDES(mutex_);
  std::string first_library(const ReaderDevice& device) EXCLUDES(mutex_);
  void open(ReaderInstance instance, const ReaderDevice& device) EXCLUDES(mutex_);
  Result<void> open_usb(ReaderInstance instance, const UsbInterface& interface) EXCLUDES(mutex_);
  Result<void> open_configured(ReaderInstance instance, const ReaderConfEntry& entry);
  std::vector<DriverChoice> choose_drivers(const UsbInterface& interface) EXCLUDES(mutex_);
  void report(const ReaderDevice& device, const Error& error) EXCLUDES(mutex_);

  Server& server_;
  const Settings settings_;
  const std::unique_ptr<HotplugBackend> backend_;
  const DeadlineTimer timer_;  ///< for the deadlines of the tracker and the lines
  ReaderOpener opener_;

  Mutex scanning_;  ///< one scan at a time, in the order of the updates; before mutex_
  Mutex mutex_;
  DeviceTracker tracker_ GUARDED_BY(mutex_);
  std::map<std::string, Line> lines_ GUARDED_BY(mutex_);  ///< by library
  std::uint64_t last_worker_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<const DriverBundles> bundles_ GUARDED_BY(mutex_) =
      std::make_shared<const DriverBundles>();
  /// What has been said about a place, so that it is said once.
  std::map<std::string, std::string> said_ GUARDED_BY(mutex_);
};

}  // namespace cardea
