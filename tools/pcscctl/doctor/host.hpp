// The machine the doctor looks at: files below a root, so that a test can make up a broken one.
// Nothing is changed. Value type; any thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace cardea::ctl {

struct Process {
  pid_t pid = 0;
  std::string name;  ///< as it calls itself
  std::string file;  ///< empty: not ours to know; ends in " (deleted)" if it was replaced
  uid_t uid = 0;
};

struct Host {
  std::string root;                                ///< "" for this machine
  std::string socket = "/run/pcscd/pcscd.comm";    ///< where programs look for the daemon
  bool socket_from_environment = false;            ///< $PCSCLITE_CSOCK_NAME moves it
  std::string bundles = "/usr/lib/pcsc/drivers";   ///< driver bundles
  std::string reader_conf = "/etc/reader.conf.d";  ///< directory

  /// `path` is absolute, as on the machine.
  [[nodiscard]] std::string at(const std::string& path) const { return root + path; }
  [[nodiscard]] bool exists(const std::string& path) const;
  /// Names in a directory, sorted; empty if it cannot be read.
  [[nodiscard]] std::vector<std::string> list(const std::string& path) const;
  /// The first 8 MiB, without blanks at the end; empty if it cannot be read.
  [[nodiscard]] std::string read(const std::string& path) const;
  /// Where a symbolic link leads, as it says; empty: it is none.
  [[nodiscard]] std::string link(const std::string& path) const;
  [[nodiscard]] std::vector<Process> processes() const;
  /// Of /etc/passwd.
  [[nodiscard]] std::optional<uid_t> uid_of(const std::string& user) const;
};

}  // namespace cardea::ctl
