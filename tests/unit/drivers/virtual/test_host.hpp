// What the tests of the virtual reader share: a host's view of a reader through the IFDH
// functions, the host's log, and counters of what a reader may leave behind. Main thread, except
// where a test says otherwise.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"
#include "drivers/virtual/bytes.hpp"
#include "ifdhandler.h"

namespace cardea::virtual_reader {

/// Longer than any test may take where nothing is lost; a wait that ends by it has failed.
inline constexpr int kForeverMs = 60'000;

constexpr DWORD make_lun(unsigned reader, unsigned slot) {
  return static_cast<DWORD>(reader) << 16U | slot;
}

Bytes from_hex(std::string_view hex);
Bytes concat(const Bytes& first, const Bytes& second);
/// `count` bytes 0, 1, 2, ...
Bytes counting(std::size_t count);

struct Reply {
  RESPONSECODE rv = IFD_SUCCESS;
  Bytes bytes;
  DWORD length = 0;  ///< as told by the driver; may exceed the room

  bool operator==(const Reply&) const = default;
};

Reply ok(Bytes bytes);

Reply power(DWORD lun, DWORD action = IFD_POWER_UP);
/// With `room` bytes for the response; checks that nothing is written behind them.
Reply transmit(DWORD lun, const Bytes& command, std::size_t room = MAX_BUFFER_SIZE_EXTENDED);
Reply transmit(DWORD lun, std::string_view hex_command);
Reply capability(DWORD lun, DWORD tag, std::size_t room = 264);
Reply control(DWORD lun, DWORD code, std::size_t room = 264);

using PollFunction = RESPONSECODE (*)(DWORD, int);
using StopFunction = RESPONSECODE (*)(DWORD);
PollFunction poll_function(DWORD lun);
StopFunction stop_function(DWORD lun);

/// Waits with the polling function until the slot tells `expected`; false after kForeverMs.
bool wait_for_presence(DWORD lun, RESPONSECODE expected);

/// One reader, slots opened in order as a daemon does it and closed in reverse.
class OpenReader {
 public:
  OpenReader(unsigned reader, const std::string& device_name, unsigned slots = 1);
  ~OpenReader();
  OpenReader(const OpenReader&) = delete;
  OpenReader& operator=(const OpenReader&) = delete;
  [[nodiscard]] DWORD lun(unsigned slot = 0) const { return make_lun(reader_, slot); }
  /// Runs a control command without a socket.
  [[nodiscard]] std::string execute(std::string_view command) const;
  /// The same for a command that must succeed.
  void change(std::string_view command) const;

 private:
  const unsigned reader_;
  const unsigned slots_;
};

/// All that the driver has logged so far.
std::vector<std::string> log_lines();
bool was_logged(std::string_view part);

/// A folder for sockets that disappears with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// ThreadSanitizer starts a thread of its own with the program's first: call before counting.
void use_threads_once();
std::size_t count_open_descriptors();
/// A joined thread may stay in the kernel's list for a moment: waits until `count` are left.
bool thread_count_becomes(std::size_t count);
std::size_t count_threads();

}  // namespace cardea::virtual_reader
