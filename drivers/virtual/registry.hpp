// All readers of this library in this process, by the reader number of their LUNs: the only static
// state of the driver. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string_view>

#include "base/mutex.hpp"
#include "drivers/virtual/virtual_reader.hpp"
#include "ifdhandler.h"

namespace cardea::virtual_reader {

constexpr unsigned reader_number(DWORD lun) { return static_cast<unsigned>(lun >> 16U & 0xFFFFU); }
constexpr unsigned slot_number(DWORD lun) { return static_cast<unsigned>(lun & 0xFFFFU); }

class Registry {
 public:
  /// Opens one slot, and with the first one its reader. Error: the name is wrong, the slot does
  /// not exist or is open, or a socket cannot be made; the context says which.
  Result<void> open(DWORD lun, std::string_view device_name) EXCLUDES(lifecycle_mutex_, mutex_);

  /// Closes one slot, and with the last one its reader: threads, sockets and cards are gone on
  /// return. False if the slot is not open.
  bool close(DWORD lun) EXCLUDES(lifecycle_mutex_, mutex_);

  /// The reader of an open slot, or null.
  std::shared_ptr<VirtualReader> find(DWORD lun) const EXCLUDES(mutex_);

 private:
  struct Entry {
    std::string device_name;
    std::shared_ptr<VirtualReader> reader;
  };
  using Entries = std::map<unsigned, Entry>;

  Result<std::shared_ptr<VirtualReader>> find_or_create(DWORD lun, std::string_view device_name)
      REQUIRES(lifecycle_mutex_) EXCLUDES(mutex_);
  void drop_if_unused(DWORD lun, VirtualReader& reader) REQUIRES(lifecycle_mutex_) EXCLUDES(mutex_);

  /// Held while a reader starts or ends, so that one can take over the other's socket path. Order:
  /// lifecycle_mutex_ before mutex_.
  Mutex lifecycle_mutex_;
  mutable Mutex mutex_;
  /// Null without readers. Not an object with a destructor: a host that exits without closing its
  /// channels still has threads in here, and exit handlers must not pull the map from under them.
  Entries* entries_ GUARDED_BY(mutex_) = nullptr;
};

/// The one of this library.
Registry& registry();

}  // namespace cardea::virtual_reader
