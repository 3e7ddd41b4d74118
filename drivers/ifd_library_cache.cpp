#include "drivers/ifd_library_cache.hpp"

#include <filesystem>
#include <system_error>

namespace cardea {

Result<std::shared_ptr<const IfdLibrary>> IfdLibraryCache::get(const std::string& path) {
  std::error_code error;
  const auto resolved = std::filesystem::canonical(path, error);
  const std::string key = error ? path : resolved.string();

  if (auto library = find(key)) return library;
  if (trial_) {
    // Outside of the lock: a library that hangs here delays only those who want it.
    if (auto survived = trial_(path); !survived) return tl::make_unexpected(survived.error());
  }
  const MutexLock lock(mutex_);
  if (auto library = find_locked(key)) return library;
  auto loaded = IfdLibrary::load(path);
  if (loaded) libraries_.insert_or_assign(key, *loaded);
  return loaded;
}

std::shared_ptr<const IfdLibrary> IfdLibraryCache::find(const std::string& key) {
  const MutexLock lock(mutex_);
  return find_locked(key);
}

std::shared_ptr<const IfdLibrary> IfdLibraryCache::find_locked(const std::string& key) {
  std::erase_if(libraries_, [](const auto& entry) { return entry.second.expired(); });
  const auto found = libraries_.find(key);
  return found != libraries_.end() ? found->second.lock() : nullptr;
}

}  // namespace cardea
