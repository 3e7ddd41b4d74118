#include "drivers/ccid/registry.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "drivers/ccid/driver_log.hpp"

namespace cardea::ccid {
namespace {

constinit Registry g_registry;
static_assert(std::is_trivially_destructible_v<Registry>);

RESPONSECODE refuse(const std::string& why) {
  log_line(PCSC_LOG_CRITICAL, why);
  return IFD_COMMUNICATION_ERROR;
}

}  // namespace

Registry& registry() { return g_registry; }

RESPONSECODE Registry::open(DWORD lun, std::string_view device_name, ReaderOpener opener) {
  MutexLock lifecycle(lifecycle_mutex_);
  bool is_new = false;
  const RESPONSECODE rv = open_slot(lun, device_name, is_new);
  if (!is_new) return rv;
  const unsigned slot = slot_number(lun);
  IfdResult<std::shared_ptr<Reader>> reader = opener(device_name);
  if (!reader) return reader.error();
  if (slot >= (*reader)->slots()) return refuse("slot " + std::to_string(slot) + " does not exist");
  std::vector<bool> open_slots((*reader)->slots(), false);
  open_slots[slot] = true;
  Entry entry{std::string(device_name), std::move(*reader), std::move(open_slots)};
  MutexLock lock(mutex_);
  if (entries_ == nullptr) entries_ = std::make_unique<Entries>().release();
  entries_->insert_or_assign(reader_number(lun), std::move(entry));
  return IFD_SUCCESS;
}

RESPONSECODE Registry::open_slot(DWORD lun, std::string_view device_name, bool& is_new) {
  const unsigned slot = slot_number(lun);
  MutexLock lock(mutex_);
  is_new = entries_ == nullptr || !entries_->contains(reader_number(lun));
  if (is_new) return IFD_SUCCESS;
  Entry& entry = entries_->at(reader_number(lun));
  if (entry.device_name != device_name) {
    return refuse("this reader number is in use by " + entry.device_name);
  }
  if (slot >= entry.open_slots.size() || entry.open_slots[slot]) {
    return refuse("slot " + std::to_string(slot) + " is open already or does not exist");
  }
  entry.open_slots[slot] = true;
  return IFD_SUCCESS;
}

bool Registry::close(DWORD lun) {
  MutexLock lifecycle(lifecycle_mutex_);
  const std::shared_ptr<Reader> reader = find(lun);
  if (!reader) return false;
  // Should the host's thread still wait in there, it comes back.
  reader->monitor().wake(slot_number(lun));
  std::unique_ptr<Entries> last;
  MutexLock lock(mutex_);
  std::vector<bool>& open_slots = entries_->at(reader_number(lun)).open_slots;
  open_slots[slot_number(lun)] = false;
  if (std::ranges::find(open_slots, true) != open_slots.end()) return true;
  entries_->erase(reader_number(lun));
  if (entries_->empty()) last.reset(std::exchange(entries_, nullptr));
  return true;
}

std::shared_ptr<Reader> Registry::find(DWORD lun) const {
  MutexLock lock(mutex_);
  if (entries_ == nullptr) return nullptr;
  const auto entry = entries_->find(reader_number(lun));
  if (entry == entries_->end()) return nullptr;
  const std::vector<bool>& open_slots = entry->second.open_slots;
  const unsigned slot = slot_number(lun);
  if (slot >= open_slots.size() || !open_slots[slot]) return nullptr;
  return entry->second.reader;
}

}  // namespace cardea::ccid
