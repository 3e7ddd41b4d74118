// Where bytes of the log leave the process: a descriptor, or the socket of a log service. Nothing
// in here waits for a reader that does not read or for room on a disk: what cannot be written now
// is lost, and the caller is told, so that it can be counted.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

namespace cardea {

/// A descriptor that others may have as well: a terminal, a pipe, a file, the journal's stream. One
/// caller at a time.
class LogDescriptor {
 public:
  /// A reader that is only slow gets so long for a record; one that took nothing of the last gets
  /// no time at all.
  static constexpr milliseconds kPatience{20};

  /// `fd` is borrowed.
  explicit LogDescriptor(int fd);
  /// `record` with its line end. False if not all of it could be written; errno says why. What is
  /// written next begins a new line.
  bool write(std::string_view record);

 private:
  /// As `write`, without a look back. `written` counts on.
  bool write_all(std::string_view bytes, std::size_t& written);
  [[nodiscard]] bool has_room(milliseconds patience) const;

  /// A terminal once more, for ourselves: a write to it waits unless its description says that it
  /// must not, and the one that was passed to us is not ours alone.
  const UniqueFd terminal_;
  const int fd_;
  bool stuck_ = false;  ///< the last record was lost
  bool torn_ = false;   ///< but not its beginning
};

/// A service that takes datagrams at a path. Any thread.
class LogSocket {
 public:
  explicit LogSocket(std::string path);
  /// False if the service is not there, or its queue is full; errno says why.
  [[nodiscard]] bool send(std::string_view message) const;

 private:
  const std::string path_;
  const UniqueFd fd_;
};

}  // namespace cardea
