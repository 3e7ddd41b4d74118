// All readers of this library in this process, by the reader number of their LUNs: the only static
// state of the driver. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.hpp"
#include "drivers/ccid/ifd_result.hpp"
#include "drivers/ccid/reader.hpp"

namespace cardea::ccid {

constexpr unsigned reader_number(DWORD lun) { return static_cast<unsigned>(lun >> 16U & 0xFFFFU); }
constexpr unsigned slot_number(DWORD lun) { return static_cast<unsigned>(lun & 0xFFFFU); }

/// Finds and opens the reader of a device name.
using ReaderOpener = IfdResult<std::shared_ptr<Reader>> (*)(std::string_view device_name);

class Registry {
 public:
  /// Opens one slot, and with the first one its reader by `opener`. Errors: those of `opener`,
  /// IFD_COMMUNICATION_ERROR if the slot does not exist or is open already.
  RESPONSECODE open(DWORD lun, std::string_view device_name, ReaderOpener opener)
      EXCLUDES(lifecycle_mutex_, mutex_);

  /// Closes one slot, and with the last one its reader. False if the slot is not open.
  bool close(DWORD lun) EXCLUDES(lifecycle_mutex_, mutex_);

  /// The reader of an open slot, or null.
  std::shared_ptr<Reader> find(DWORD lun) const EXCLUDES(mutex_);

 private:
  struct Entry {
    std::string device_name;
    std::shared_ptr<Reader> reader;
    std::vector<bool> open_slots;
  };
  using Entries = std::map<unsigned, Entry>;

  RESPONSECODE open_slot(DWORD lun, std::string_view device_name, bool& is_new)
      REQUIRES(lifecycle_mutex_) EXCLUDES(mutex_);

  /// Held while a reader is opened or closed. Order: lifecycle_mutex_ before mutex_.
  Mutex lifecycle_mutex_;
  mutable Mutex mutex_;
  /// Null without readers. Not an object with a destructor: a host that exits without closing its
  /// channels still has threads in here, and exit handlers must not pull the map from under them.
  Entries* entries_ GUARDED_BY(mutex_) = nullptr;
};

/// The one of this library.
Registry& registry();

}  // namespace cardea::ccid
