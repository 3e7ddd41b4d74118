#include "daemon/auth/flatpak_info.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>

#include "base/unique_fd.hpp"
#include "daemon/auth/proc_file.hpp"

namespace cardea::auth {
namespace {

constexpr std::size_t kInfoBytesMax = 64 * 1024;
constexpr std::size_t kFdInfoBytesMax = 4 * 1024;
constexpr std::size_t kMountsBytesMax = 256 * 1024;
/// What D-Bus allows a name, and flatpak an application.
constexpr std::size_t kIdCharsMax = 255;

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

std::string_view take_word(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(line.size(), word.size() + 1));
  return word;
}

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= kIdCharsMax &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
         });
}

std::string of_process(pid_t pid, const char* what) {
  return "/proc/" + std::to_string(pid) + "/" + what;
}

/// Whether what is open here lies on a tmpfs, as all that flatpak puts into the root of a sandbox.
/// The kernel tells without asking the file system, which may be the user's own program.
bool is_on_tmpfs(const UniqueFd& place, std::string_view mountinfo) {
  const auto info =
      read_proc_file("/proc/self/fdinfo/" + std::to_string(place.get()), kFdInfoBytesMax);
  if (!info) return false;
  std::string_view text = *info;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    constexpr std::string_view kName = "mnt_id:\t";
    if (line.starts_with(kName)) {
      return mount_type(mountinfo, line.substr(kName.size())) == "tmpfs";
    }
  }
  return false;
}

}  // namespace

std::optional<std::string> parse_flatpak_info(std::string_view text) {
  bool in_application = false;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    constexpr std::string_view kName = "name=";
    if (line.starts_with("[")) {
      in_application = line == "[Application]";
    } else if (in_application && line.starts_with(kName)) {
      const std::string_view id = line.substr(kName.size());
      return is_id(id) ? std::optional<std::string>(id) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::string_view mount_type(std::string_view mountinfo, std::string_view mount_id) {
  while (!mountinfo.empty()) {
    // ID PARENT MAJOR:MINOR ROOT PLACE OPTIONS [TAG...] - TYPE SOURCE OPTIONS
    std::string_view line = take_line(mountinfo);
    if (take_word(line) != mount_id) continue;
    while (!line.empty()) {
      if (take_word(line) == "-") return take_word(line);
    }
  }
  return {};
}

std::optional<std::string> read_flatpak_info(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  const UniqueFd root(::open(of_process(pid, "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return std::nullopt;
  const auto mounts = read_proc_file(of_process(pid, "mountinfo"), kMountsBytesMax);
  if (!mounts || !is_on_tmpfs(root, *mounts)) return std::nullopt;
  const UniqueFd place(::openat(root.get(), ".flatpak-info", O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!place || !is_on_tmpfs(place, *mounts) || ::fstat(place.get(), &status) != 0 ||
      !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  // Does not wait for the holder of a lease either.
  const auto text = read_proc_file("/proc/self/fd/" + std::to_string(place.get()), kInfoBytesMax);
  return text ? parse_flatpak_info(*text) : std::nullopt;
}

}  // namespace cardea::auth
