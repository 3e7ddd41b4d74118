// Where trace records go: a file, a Unix datagram socket, or stderr. Each record leaves in one
// write, so records of one process are never mixed, and those of several never within a file.
//
// A trace must not hurt the program. A record that cannot be written within kTraceStallMax is
// dropped and counted, and until one gets through again nobody waits any more; then a record
// {"event":"lost","count":N} precedes it. A program that closes our descriptor, as daemons do with
// all of theirs, makes us open the path anew; whatever has its number then is left alone.
//
// Thread-safe. After fork() parent and child go on with the same destination.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace cardea {

/// How long a call waits for a receiver that does not keep up.
inline constexpr milliseconds kTraceStallMax{1000};

class TraceSink {
 public:
  /// `path` is appended to if it is a file (made with mode 0600) or a terminal, connected to if it
  /// is a datagram socket; relative to the directory of now. Fails for anything else, saying why.
  static Result<std::unique_ptr<TraceSink>> to_path(const std::string& path);
  static std::unique_ptr<TraceSink> to_stderr();

  ~TraceSink();
  TraceSink(const TraceSink&) = delete;
  TraceSink& operator=(const TraceSink&) = delete;

  /// `record` is one line without its end. Leaves errno as it was.
  void write(std::string_view record);

  /// Around fork(), so that the child finds the lock free.
  void prepare_fork() NO_THREAD_SAFETY_ANALYSIS { mutex_.lock(); }
  void after_fork() NO_THREAD_SAFETY_ANALYSIS { mutex_.unlock(); }

 private:
  TraceSink(std::string path, UniqueFd fd, bool borrowed);

  bool is_open() REQUIRES(mutex_);
  bool send(std::string_view line) REQUIRES(mutex_);
  bool wait_for_room() REQUIRES(mutex_);

  const std::string path_;  // empty: stderr
  const bool borrowed_;     // the descriptor is the program's
  Mutex mutex_;
  UniqueFd fd_ GUARDED_BY(mutex_);
  struct stat identity_ GUARDED_BY(mutex_) = {};
  bool behind_ GUARDED_BY(mutex_) = false;
  bool torn_ GUARDED_BY(mutex_) = false;  // the last line has no end
  std::uint64_t lost_ GUARDED_BY(mutex_) = 0;
};

}  // namespace cardea
