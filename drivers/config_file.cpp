#include "drivers/config_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/unique_fd.hpp"

namespace cardea {
namespace {

tl::unexpected<std::string> errno_text() {
  return tl::make_unexpected(std::generic_category().message(errno));
}

}  // namespace

tl::expected<std::string, std::string> read_config_file(const std::string& path,
                                                        std::size_t bytes_max) {
  // Non-blocking, so that a FIFO put here does not stop the daemon.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return errno_text();
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return errno_text();
  if (!S_ISREG(status.st_mode)) return tl::make_unexpected(std::string("not a regular file"));
  std::string text(bytes_max + 1, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t count = ::read(fd.get(), text.data() + filled, text.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_text();
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  text.resize(filled);
  return text;
}

bool is_backup_name(std::string_view name) {
  return name.ends_with('~') || name.ends_with(".bak") ||
         name.find(".dpkg-") != std::string_view::npos;
}

}  // namespace cardea
