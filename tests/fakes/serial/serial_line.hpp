// The serial side of a GemPC reader: CCID messages in frames 03 06 MESSAGE CHECKSUM, where the
// checksum is the exclusive-or of all bytes before it. Some models echo every frame first.
// Owned by main; thread-bound to the serving thread.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "drivers/virtual/bytes.hpp"

namespace cardea::serial_fake {

using virtual_reader::Bytes;
using virtual_reader::ByteView;

class SerialLine {
 public:
  static constexpr std::size_t kMessageBytesMax = 65556;

  /// A new pseudo-terminal, reachable under the symbolic link `path`.
  static Result<SerialLine> create(const std::string& path);

  /// The descriptor to poll for reading.
  [[nodiscard]] int fd() const { return master_.get(); }

  /// Reads what is there. False: the line is dead.
  bool read();
  /// The next whole message among what was read; nothing: more bytes are needed. Bytes that fit
  /// no frame are skipped.
  std::optional<Bytes> next_message();
  void write(ByteView message) const;

 private:
  SerialLine(UniqueFd master, UniqueFd slave);

  UniqueFd master_;
  UniqueFd slave_;  ///< kept open, so that the line never hangs up between two drivers
  Bytes input_;
};

}  // namespace cardea::serial_fake
