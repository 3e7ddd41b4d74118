// The file beside the socket that says which process is the daemon, and the lock that proves it: a
// POSIX record lock on NAME.pid.lock, which only the daemon's user may open. The kernel gives it to
// one process, drops it when that ends, however it ends, and names its holder. So two starts cannot
// both win, files left behind block nobody, and the number of another process is never believed.
// (A lock on NAME.pid itself, which everybody may open, could be held by anybody.)
// COMPAT: pcsc-lite writes a NUL byte after the newline, and takes any process that has the number
// for a daemon.
//
// Owned by the composition root; one thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace cardea {

class PidFile {
 public:
  /// "/run/pcscd/pcscd.comm" -> "/run/pcscd/pcscd.pid"; ".pid" is added to other names.
  static std::string path_for(const std::string& socket_path);

  /// Takes the lock and puts our pid into `path`: decimal and newline, mode 0644, in one step.
  /// Signals must be set up before: from here on signal_owner() of others reaches us.
  /// Errors: sharing_violation if another process has the lock (the context says which), no_service
  /// if the lock cannot be had. A number that cannot be written, on a full disk, is only a
  /// complaint(): the lock is what counts.
  static Result<std::unique_ptr<PidFile>> create(const std::string& path);

  /// Why nobody can read our number, for the log; empty: everybody can.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

  /// Removes both files.
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  /// Sends `signal` to the process that has the lock of `path`, and to no other, even if it ends
  /// meanwhile. Not for use in that process itself. Errors (no_service): nobody has it, or we may
  /// not look or send; the context says which.
  static Result<void> signal_owner(const std::string& path, int signal);

 private:
  PidFile(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  const std::string path_;
  std::string complaint_;
  const UniqueFd lock_;  ///< closing any descriptor of this file drops the lock
};

}  // namespace cardea
