#include "daemon/reader_manager.hpp"

#include <map>
#include <optional>

#include "base/log.hpp"
#include "drivers/ifd_queries.hpp"
#include "drivers/logging_driver.hpp"

namespace cardea {
namespace {

/// One record that says which entry, what failed, and that nobody else is affected.
void report(const ReaderConfEntry& entry, const Error& error) {
  log::write(log::Level::error,
             "reader \"" + log::escape(entry.friendly_name) + "\" (" + entry.file + ":" +
                 std::to_string(entry.line) + ") is not available: " + error.context +
                 ". Other readers are not affected",
             {{"READER", log::escape(entry.friendly_name)}, {"CONFIG_FILE", entry.file}});
}

}  // namespace

void ReaderManager::open_configured(const std::vector<ReaderConfEntry>& entries) {
  std::map<std::string, std::vector<ReaderConfEntry>> by_library;
  for (const ReaderConfEntry& entry : entries) by_library[entry.library_path].push_back(entry);
  for (const auto& [path, group] : by_library) {
    server_.run_reader_start([this, path = path, group = group] { open_library(path, group); });
  }
}

void ReaderManager::open_library(const std::string& path,
                                 const std::vector<ReaderConfEntry>& entries) {
  const auto library = libraries_.get(path);
  if (!library) {
    for (const ReaderConfEntry& entry : entries) report(entry, library.error());
    return;
  }
  // All channels first: a driver that is not thread-safe must not be opened while it is in use.
  std::vector<OpenReader> readers;
  std::vector<LibraryReader> siblings;
  for (const ReaderConfEntry& entry : entries) {
    auto reader = open_reader(*library, entry, siblings);
    if (reader) {
      readers.push_back(std::move(*reader));
    } else {
      report(entry, reader.error());
    }
  }
  hand_over(std::move(readers));
}

Result<ReaderManager::OpenReader> ReaderManager::open_reader(
    const std::shared_ptr<const IfdLibrary>& library, const ReaderConfEntry& entry,
    std::vector<LibraryReader>& siblings) {
  const auto number = free_reader_number(siblings);
  if (!number) {
    return failure(ScardRv::no_memory, "the driver serves no further reader");
  }
  OpenReader reader;
  if (const auto opened = open_slots(library, entry, *number, reader); !opened) {
    return tl::make_unexpected(opened.error());
  }
  if (const auto named = choose_names(entry, *number, reader); !named) {
    return tl::make_unexpected(named.error());
  }
  siblings.push_back({*number, false, simultaneous_access(*reader.slots.front())});
  reader.slots_are_safe = is_slot_thread_safe(*reader.slots.front());
  reader.readers_are_safe = is_thread_safe(*reader.slots.front());
  return reader;
}

Result<void> ReaderManager::open_slots(const std::shared_ptr<const IfdLibrary>& library,
                                       const ReaderConfEntry& entry, unsigned number,
                                       OpenReader& reader) {
  unsigned slots = 1;
  for (unsigned slot = 0; slot < slots; ++slot) {
    auto driver =
        InProcessDriver::create(library, make_lun(number, slot), entry.device_name, entry.channel);
    if (!driver) return tl::make_unexpected(driver.error());
    const IfdRv presence = (*driver)->presence();
    if (presence != IfdRv::success && presence != IfdRv::icc_present &&
        presence != IfdRv::icc_not_present) {
      return failure(ScardRv::reader_unavailable,
                     "the driver opened it but cannot ask it for a card (" + to_string(presence) +
                         "); check that the device is connected");
    }
    reader.slots.push_back(std::move(*driver));
    if (slot == 0) slots = slots_number(*reader.slots.front());
  }
  return {};
}

Result<unsigned> ReaderManager::choose_names(const ReaderConfEntry& entry, unsigned number,
                                             OpenReader& reader) {
  MutexLock lock(mutex_);
  const auto shown = unique_name_number(entry.friendly_name, {}, number, names_);
  if (!shown) {
    return failure(ScardRv::no_memory, "too many readers are called like this");
  }
  for (unsigned slot = 0; slot < reader.slots.size(); ++slot) {
    reader.names.push_back(reader_name(entry.friendly_name, {}, *shown, slot));
    names_.push_back(reader.names.back());
  }
  return *shown;
}

void ReaderManager::hand_over(std::vector<OpenReader> readers) {
  std::optional<core::DomainId> shared;
  for (OpenReader& reader : readers) {
    const bool own = reader.readers_are_safe || !shared;
    const core::DomainId first = own ? server_.add_domain() : *shared;
    if (!shared) shared = first;
    for (std::size_t slot = 0; slot < reader.slots.size(); ++slot) {
      core::ReaderSpec spec;
      spec.name = reader.names[slot];
      spec.domain = slot == 0 || !reader.slots_are_safe ? first : server_.add_domain();
      spec.driver_events = reader.slots[slot]->has_wait_event();
      spec.version_2 = reader.slots[slot]->is_version_2();
      std::unique_ptr<IfdDriver> driver = std::move(reader.slots[slot]);
      if (log_apdus_) driver = std::make_unique<LoggingDriver>(std::move(driver), spec.name);
      server_.add_reader(spec, std::move(driver));
    }
  }
}

}  // namespace cardea
