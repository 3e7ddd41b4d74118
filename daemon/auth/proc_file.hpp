// Reads small files that the kernel writes, whole or not at all. Any thread.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>

#include "base/unique_fd.hpp"

namespace cardea::auth {

/// nullopt if the file cannot be opened or read at once, or has `bytes_max` bytes or more: what is
/// behind them might be the part that counts.
inline std::optional<std::string> read_proc_file(const std::string& path, std::size_t bytes_max) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return std::nullopt;
  std::string text(bytes_max, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  if (filled == text.size()) return std::nullopt;
  text.resize(filled);
  return text;
}

}  // namespace cardea::auth
