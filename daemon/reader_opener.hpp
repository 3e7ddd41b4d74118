// Opens one device with one driver: loads the library, finds a free number and a unique name,
// opens all slots and hands them to the server. In this process openings of the same library follow
// one another, as handlers expect; those of different libraries, and those in processes of their
// own, may run side by side, so that a driver that hangs delays only its own readers.
//
// Thread-safe; open() blocks as long as the driver does. Must outlive the server's threads.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "daemon/client/server.hpp"
#include "daemon/driver_modes.hpp"
#include "daemon/power_policy.hpp"
#include "drivers/driver_trial.hpp"
#include "drivers/hosted/driver_host.hpp"
#include "drivers/ifd_library_cache.hpp"
#include "drivers/reader_name.hpp"

namespace cardea {

class ReaderOpener {
 public:
  struct Settings {
    std::string name_extension;  ///< PCSCLITE_FILTER_EXTEND_READER_NAMES
    PowerPolicy power;
    bool log_apdus = false;  ///< of all readers, see LoggingDriver
    DriverModes drivers;
    HostKeeper* keeper = nullptr;  ///< borrowed; must be there if some driver is hosted
  };

  struct Request {
    Server::ReaderOwner owner = 0;
    std::string library_path;
    std::string base_name;  ///< before the extension and the digits
    std::string usb_place;  ///< "1-1.2:1.0"; empty for readers that are not on USB
    std::string usb_serial;
    std::string device_name;  ///< empty: open by channel
    std::uint32_t channel = 0;
    unsigned rank = core::ReaderSpec::kPluggedRank;  ///< where it is listed
  };

  /// `server` is borrowed.
  ReaderOpener(Server& server, Settings settings)
      : server_(server),
        settings_(std::move(settings)),
        libraries_([](const std::string& path) { return try_driver(path); }) {}

  /// Before open(): called on any thread when the process of a reader's driver is lost, with the
  /// reader's owner; before the driver calls that this ends return.
  void set_lost(std::function<void(Server::ReaderOwner)> lost) { lost_ = std::move(lost); }

  /// Only from Server::run_reader_start's task. Errors: unknown_reader if the driver says that the
  /// device is not one of its own, else what failed and what to do.
  Result<void> open(const Request& request) EXCLUDES(mutex_);
  /// The slots of `owner` are being closed. Whoever opens a reader of the same library waits for it
  /// a moment, so that a device that was plugged anew gets its old number.
  void closing(Server::ReaderOwner owner) EXCLUDES(mutex_);
  /// All slots of `owner` are closed: its number and names are free again.
  void closed(Server::ReaderOwner owner) EXCLUDES(mutex_);

 private:
  /// The name of a hosted reader, for the record about the end of its host; empty until the reader
  /// is open. Thread-safe.
  class HostName {
   public:
    void set(std::string name) EXCLUDES(mutex_) {
      const MutexLock lock(mutex_);
      name_ = std::move(name);
    }
    std::string get() EXCLUDES(mutex_) {
      const MutexLock lock(mutex_);
      return name_;
    }

   private:
    Mutex mutex_;
    std::string name_ GUARDED_BY(mutex_);
  };

  /// A driver that is loaded: in this process, or in one of its own for the reader to be opened.
  struct Driver {
    std::shared_ptr<const IfdLibrary> library;
    std::shared_ptr<DriverHost> host;
    std::shared_ptr<HostName> name;  ///< if hosted
  };

  /// A reader whose channels are open, before its slots are handed over.
  struct Channels {
    std::vector<std::unique_ptr<IfdDriver>> slots;
    bool slots_are_safe = false;
  };

  /// A reader that occupies its number and its names.
  struct Reader {
    LibraryReader number;
    bool usb = false;
    bool is_thread_safe = true;
    core::DomainId domain;
    std::vector<std::string> names;  ///< none while it is being opened
    bool closing = false;
  };

  struct Library {
    Mutex opening;  ///< held while a reader is being opened in this process
    std::map<Server::ReaderOwner, Reader> readers;  ///< under ReaderOpener::mutex_
  };

  std::shared_ptr<Library> library(const std::string& path) EXCLUDES(mutex_);
  Result<void> open_in_process(Library& library, const Request& request) EXCLUDES(mutex_);
  Result<void> open_hosted(Library& library, const Request& request) EXCLUDES(mutex_);
  Result<Driver> start_host(const Request& request);
  /// The number is taken from now on, until closed().
  Result<unsigned> take_number(Library& library, const Request& request) EXCLUDES(mutex_);
  Result<void> open_on(Library& library, const Driver& driver, const Request& request,
                       core::DomainId shared) EXCLUDES(mutex_);
  Result<void> open_as(unsigned number, Library& library, const Driver& driver,
                       const Request& request, core::DomainId shared) EXCLUDES(mutex_);
  static Result<Channels> open_slots(const Driver& driver, const Request& request, unsigned number);
  static Result<std::unique_ptr<IfdDriver>> open_slot(const Driver& driver, const Request& request,
                                                      std::uint32_t lun);
  Result<std::vector<std::string>> choose_names(const Request& request, unsigned number,
                                                std::size_t slots) REQUIRES(mutex_);
  void hand_over(const Request& request, const Driver& driver, Channels channels,
                 const Reader& reader);

  void wait_for_closing(const Library& library) EXCLUDES(mutex_);

  Server& server_;
  const Settings settings_;
  IfdLibraryCache libraries_;
  std::function<void(Server::ReaderOwner)> lost_;
  Mutex mutex_;
  CondVar closed_;
  std::map<std::string, std::shared_ptr<Library>> by_path_ GUARDED_BY(mutex_);
};

}  // namespace cardea
