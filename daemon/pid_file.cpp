#include "daemon/pid_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

extern "C" {  // glibc 2.36 does not say so itself
#include <sys/pidfd.h>
}

namespace cardea {
namespace {

/// A daemon that ends removes its lock file; whoever had it open already tries again.
constexpr int kLockAttemptsMax = 100;

std::string errno_text() { return std::generic_category().message(errno); }

std::string lock_path(const std::string& path) { return path + ".lock"; }

struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

/// The process that has the lock, 0 if there is none, -1 if it cannot be named.
pid_t holder(int fd) {
  struct flock lock = whole_file();
  if (::fcntl(fd, F_GETLK, &lock) != 0) return -1;
  if (lock.l_type == F_UNLCK) return 0;
  return lock.l_pid > 0 ? lock.l_pid : -1;
}

bool is_still_there(int fd, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(fd, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

Result<UniqueFd> take_lock(const std::string& path) {
  for (int attempt = 0; attempt < kLockAttemptsMax; ++attempt) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return failure(ScardRv::no_service, "cannot open " + path + ": " + errno_text());
    struct flock lock = whole_file();
    if (::fcntl(fd.get(), F_SETLK, &lock) != 0) {
      if (errno != EACCES && errno != EAGAIN) {
        return failure(ScardRv::no_service, "cannot lock " + path + ": " + errno_text());
      }
      const pid_t other = holder(fd.get());
      if (other == 0) continue;  // ended in between
      return failure(ScardRv::sharing_violation,
                     other > 0 ? "pid " + std::to_string(other) : "pid not visible from here");
    }
    if (is_still_there(fd.get(), path)) return fd;
  }
  return failure(ScardRv::no_service, "cannot lock " + path + ": it keeps being removed");
}

Result<void> write_pid(const std::string& path) {
  const std::string unready = path + ".new";
  ::unlink(unready.c_str());
  const UniqueFd fd(::open(unready.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd) return failure(ScardRv::no_service, "cannot create " + unready + ": " + errno_text());
  const std::string line = std::to_string(::getpid()) + "\n";
  errno = ENOSPC;  // for a write of which only a part fits
  const bool written =
      ::write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
  // The mode once more: the umask may have taken some of it.
  if (!written || ::fchmod(fd.get(), 0644) != 0 || ::rename(unready.c_str(), path.c_str()) != 0) {
    const std::string why = errno_text();
    ::unlink(unready.c_str());
    return failure(ScardRv::no_service, "cannot write " + path + ": " + why);
  }
  return {};
}

}  // namespace

std::string PidFile::path_for(const std::string& socket_path) {
  static constexpr std::string_view kSuffix = ".comm";
  std::string path = socket_path;
  if (path.ends_with(kSuffix)) path.resize(path.size() - kSuffix.size());
  return path + ".pid";
}

Result<std::unique_ptr<PidFile>> PidFile::create(const std::string& path) {
  auto lock = take_lock(lock_path(path));
  if (!lock) return tl::make_unexpected(lock.error());
  std::unique_ptr<PidFile> file(new PidFile(path, std::move(*lock)));
  if (auto written = write_pid(path); !written) {
    ::unlink(path.c_str());  // the number of one who is gone
    file->complaint_ = written.error().context;
  }
  return file;
}

PidFile::~PidFile() {
  // Somebody may have emptied the directory and another daemon begun there.
  if (!is_still_there(lock_.get(), lock_path(path_))) return;
  ::unlink(path_.c_str());
  ::unlink(lock_path(path_).c_str());
}

Result<void> PidFile::signal_owner(const std::string& path, int signal) {
  const UniqueFd fd(::open(lock_path(path).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    if (errno == ENOENT) return failure(ScardRv::no_service, "no pcscd is running there");
    return failure(ScardRv::no_service, "cannot open " + lock_path(path) + ": " + errno_text() +
                                            "; only root and the user pcscd runs as may ask");
  }
  const pid_t owner = holder(fd.get());
  if (owner == 0) return failure(ScardRv::no_service, "no pcscd is running there");
  if (owner < 0) {
    return failure(ScardRv::no_service, "the pcscd there runs in another container");
  }
  const UniqueFd process(::pidfd_open(owner, 0));
  // A second look, now that the number cannot go to another process.
  if (!process || holder(fd.get()) != owner) {
    return failure(ScardRv::no_service, "the pcscd there has just ended");
  }
  if (::pidfd_send_signal(process.get(), signal, nullptr, 0) != 0) {
    return failure(ScardRv::no_service, "pid " + std::to_string(owner) + ": " + errno_text());
  }
  return {};
}

}  // namespace cardea
