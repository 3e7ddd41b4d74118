// Loads each handler library once for all readers that use it. A library is unloaded when the
// last reader drops it, so that replugging the only reader reloads its driver. Thread-safe; one
// load at a time, because a load runs foreign code.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/mutex.hpp"
#include "base/result.hpp"
#include "drivers/ifd_library.hpp"

namespace cardea {

class IfdLibraryCache final {
 public:
  /// Something to be done before a library is loaded; its error is get()'s. See driver_trial.hpp.
  using Trial = std::function<Result<void>(const std::string& path)>;

  explicit IfdLibraryCache(Trial trial = {}) : trial_(std::move(trial)) {}

  /// The library at `path`, loaded now if nobody uses it. Paths that lead to the same file by
  /// symbolic links give the same object. Errors: as IfdLibrary::load().
  Result<std::shared_ptr<const IfdLibrary>> get(const std::string& path);

 private:
  std::shared_ptr<const IfdLibrary> find(const std::string& key) EXCLUDES(mutex_);
  std::shared_ptr<const IfdLibrary> find_locked(const std::string& key) REQUIRES(mutex_);

  const Trial trial_;
  Mutex mutex_;
  /// By resolved path. Unused entries leave at the next get().
  std::map<std::string, std::weak_ptr<const IfdLibrary>> libraries_ GUARDED_BY(mutex_);
};

}  // namespace cardea
