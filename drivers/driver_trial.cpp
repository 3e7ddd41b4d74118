#include "drivers/driver_trial.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/log.hpp"
#include "base/unique_fd.hpp"

namespace cardea {
namespace {

constexpr const char* kSelf = "/proc/self/exe";

tl::unexpected<Error> refused(const std::string& library_path, const std::string& why) {
  return failure(ScardRv::invalid_target, "reader driver " + log::escape(library_path) +
                                              " cannot be used: loading it " + why +
                                              "; reinstall or update the driver");
}

/// The child starts without our signal mask, and without terminal and log.
Result<pid_t> start(const std::string& library_path) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_init(&attributes);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
  }
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  std::string self = kSelf;
  std::string argument = kDriverTrialArgument;
  std::string path = library_path;
  const std::array<char*, 4> arguments{self.data(), argument.data(), path.data(), nullptr};
  pid_t child = -1;
  const int error = ::posix_spawn(&child, kSelf, &files, &attributes, arguments.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0) {
    return failure(ScardRv::internal_error,
                   std::string("cannot start the trial of a driver: ") + std::strerror(error));
  }
  return child;
}

/// False if the process is still there when the time is over.
bool ends_within(pid_t child, milliseconds limit) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  if (!process) return true;  // without pidfds the wait has no limit
  pollfd ended{process.get(), POLLIN, 0};
  const TimePoint deadline = Clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    if (left <= milliseconds::zero()) return false;
    const int ready = ::poll(&ended, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;
  }
}

int reap(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

void run_driver_trial(const char* library_path) {
  (void)::dlopen(library_path, RTLD_LAZY | RTLD_LOCAL);
  // Neither its destructors nor ours: the daemon has not come to that yet.
  ::_exit(0);
}

Result<void> try_driver(const std::string& library_path, milliseconds limit) {
  const auto child = start(library_path);
  if (!child) return tl::make_unexpected(child.error());
  const bool ended = ends_within(*child, limit);
  if (!ended) ::kill(*child, SIGKILL);
  const int status = reap(*child);
  if (!ended) {
    return refused(library_path, "does not end within " + std::to_string(limit.count()) + " ms");
  }
  if (WIFSIGNALED(status)) {
    return refused(library_path, std::string("kills the process that does it (") +
                                     ::strsignal(WTERMSIG(status)) + ")");
  }
  if (WEXITSTATUS(status) != 0) {
    return refused(library_path, "ends the process that does it, with status " +
                                     std::to_string(WEXITSTATUS(status)));
  }
  return {};
}

}  // namespace cardea
