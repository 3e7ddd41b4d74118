#include "daemon/auth/access_rules_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.hpp"

namespace cardea::auth {
namespace {

constexpr off_t kFileBytesMax = 256 * 1024;

/// What speaks against using the file; empty: nothing.
std::string objection(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return "is no file";
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) return "does not belong to root";
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return "may be written by others than its owner (chmod go-w)";
  }
  if (status.st_size > kFileBytesMax) return "is larger than 256 KiB";
  return {};
}

bool read_all(int fd, std::string& text) {
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(fd, text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  text.resize(filled);
  return true;
}

}  // namespace

AccessRulesFile load_access_rules(const std::string& path, const NameService& names) {
  AccessRulesFile file;
  // O_NONBLOCK: a FIFO in its place must not hold us up.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return file;
  file.exists = true;
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    file.problems.push_back({0, std::string("cannot be read: ") + std::strerror(errno)});
    return file;
  }
  if (std::string why = objection(status); !why.empty()) {
    file.problems.push_back({0, std::move(why)});
    return file;
  }
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  if (!read_all(fd.get(), text)) {
    file.problems.push_back({0, std::string("cannot be read: ") + std::strerror(errno)});
    return file;
  }
  file.rules = AccessRules::parse(text, names, file.problems);
  return file;
}

}  // namespace cardea::auth
