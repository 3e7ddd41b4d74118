#include "drivers/ifd_library_cache.hpp"

#include <filesystem>
#include <system_error>

namespace cardea {

Result<std::shared_ptr<const IfdLibrary>> IfdLibraryCache::get(const std::string& path) {
  std::error_code error;
  const auto resolved = std::filesystem::canonical(path, error);
  const std::string key = error ? path : resolved.string();

  const MutexLock lock(mutex_);
  std::erase_if(libraries_, [](const auto& entry) { return entry.second.expired(); });
  if (const auto found = libraries_.find(key); found != libraries_.end()) {
    if (auto library = found->second.lock()) return library;
  }
  auto loaded = IfdLibrary::load(path);
  if (loaded) libraries_.insert_or_assign(key, *loaded);
  return loaded;
}

}  // namespace cardea
