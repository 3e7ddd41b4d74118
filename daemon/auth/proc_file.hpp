// Reads small files that the kernel writes, whole or not at all. Any thread.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
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
  // Grows as it goes: nearly all are far smaller than they may be.
  constexpr std::size_t kFirstBytes = 4 * 1024;
  std::string text(std::min(kFirstBytes, bytes_max), '\0');
  std::size_t filled = 0;
  while (true) {
    const ssize_t got = ::read(file.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    if (filled == bytes_max) return std::nullopt;
    if (filled == text.size()) text.resize(std::min(2 * filled, bytes_max));
  }
  text.resize(filled);
  return text;
}

}  // namespace cardea::auth
