// Opens the readers that reader.conf lists and hands them to the server. Each handler library's
// readers are opened one after the other on a pool thread, different libraries side by side, so
// that a driver that hangs at start delays only its own readers.
//
// Thread-safe. Must outlive the server's threads.
#pragma once

#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "daemon/client/server.hpp"
#include "drivers/ifd_library_cache.hpp"
#include "drivers/in_process_driver.hpp"
#include "drivers/reader_conf.hpp"
#include "drivers/reader_name.hpp"

namespace cardea {

class ReaderManager {
 public:
  /// `server` is borrowed. `log_apdus`: of all readers, see LoggingDriver.
  explicit ReaderManager(Server& server, bool log_apdus = false)
      : server_(server), log_apdus_(log_apdus) {}

  /// Starts opening; returns at once. State requests of clients wait for the outcome.
  void open_configured(const std::vector<ReaderConfEntry>& entries);

 private:
  /// A reader whose channels are open, before its slots are handed over.
  struct OpenReader {
    std::vector<std::unique_ptr<IfdDriver>> slots;
    std::vector<std::string> names;
    bool slots_are_safe = false;
    bool readers_are_safe = false;
  };

  void open_library(const std::string& path, const std::vector<ReaderConfEntry>& entries);
  Result<OpenReader> open_reader(const std::shared_ptr<const IfdLibrary>& library,
                                 const ReaderConfEntry& entry, std::vector<LibraryReader>& siblings)
      EXCLUDES(mutex_);
  Result<void> open_slots(const std::shared_ptr<const IfdLibrary>& library,
                          const ReaderConfEntry& entry, unsigned number, OpenReader& reader);
  Result<unsigned> choose_names(const ReaderConfEntry& entry, unsigned number, OpenReader& reader)
      EXCLUDES(mutex_);
  void hand_over(std::vector<OpenReader> readers);

  Server& server_;
  const bool log_apdus_;
  IfdLibraryCache libraries_;
  Mutex mutex_;
  std::vector<std::string> names_ GUARDED_BY(mutex_);  ///< of all slots, handed over or not
};

}  // namespace cardea
