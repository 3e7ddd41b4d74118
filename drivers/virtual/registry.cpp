#include "drivers/virtual/registry.hpp"

#include <string>
#include <type_traits>
#include <utility>

namespace cardea::virtual_reader {
namespace {

constinit Registry g_registry;
static_assert(std::is_trivially_destructible_v<Registry>);

tl::unexpected<Error> refusal(std::string why) {
  return failure(ScardRv::invalid_parameter, std::move(why));
}

}  // namespace

Registry& registry() { return g_registry; }

Result<void> Registry::open(DWORD lun, std::string_view device_name) {
  MutexLock lifecycle(lifecycle_mutex_);
  Result<std::shared_ptr<VirtualReader>> reader = find_or_create(lun, device_name);
  if (!reader) return tl::make_unexpected(reader.error());
  const unsigned number = slot_number(lun);
  const unsigned slots = (*reader)->settings().slots;
  if (number >= slots || (*reader)->slot(number).is_open()) {
    drop_if_unused(lun, **reader);
    return refusal(
        "slot " + std::to_string(number) +
        (number < slots ? " is open already" : " does not exist, slots=" + std::to_string(slots)));
  }
  (*reader)->slot(number).open();
  return {};
}

Result<std::shared_ptr<VirtualReader>> Registry::find_or_create(DWORD lun,
                                                                std::string_view device_name) {
  const unsigned number = reader_number(lun);
  {
    MutexLock lock(mutex_);
    if (entries_ != nullptr && entries_->contains(number)) {
      const Entry& entry = entries_->at(number);
      if (entry.device_name == device_name) return entry.reader;
      return refusal("reader " + std::to_string(number) + " is open as " + entry.device_name);
    }
  }
  const Result<ReaderSettings> settings = parse_device_name(device_name);
  if (!settings) {
    return refusal(settings.error().context +
                   "; a name looks like this: " + std::string(device_name_usage()));
  }
  Result<std::shared_ptr<VirtualReader>> reader = VirtualReader::create(*settings);
  if (!reader) return reader;
  MutexLock lock(mutex_);
  if (entries_ == nullptr) entries_ = std::make_unique<Entries>().release();
  entries_->insert_or_assign(number, Entry{std::string(device_name), *reader});
  return reader;
}

bool Registry::close(DWORD lun) {
  MutexLock lifecycle(lifecycle_mutex_);
  const std::shared_ptr<VirtualReader> reader = find(lun);
  if (!reader) return false;
  reader->slot(slot_number(lun)).close();
  drop_if_unused(lun, *reader);
  return true;
}

void Registry::drop_if_unused(DWORD lun, VirtualReader& reader) {
  if (reader.has_open_slot()) return;
  reader.shut_down();
  MutexLock lock(mutex_);
  entries_->erase(reader_number(lun));
  if (!entries_->empty()) return;
  const std::unique_ptr<Entries> last(std::exchange(entries_, nullptr));
}

std::shared_ptr<VirtualReader> Registry::find(DWORD lun) const {
  MutexLock lock(mutex_);
  if (entries_ == nullptr) return nullptr;
  const auto entry = entries_->find(reader_number(lun));
  if (entry == entries_->end()) return nullptr;
  const std::shared_ptr<VirtualReader>& reader = entry->second.reader;
  const unsigned number = slot_number(lun);
  if (number >= reader->settings().slots || !reader->slot(number).is_open()) return nullptr;
  return reader;
}

}  // namespace cardea::virtual_reader
