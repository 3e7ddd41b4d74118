// What the tests of drivers/ share: a temporary directory, and the log lines written meanwhile.
// Test thread only, but for the log.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/log.hpp"

namespace cardea::test {

/// Collects log records while it lives. One at a time.
class LogCapture {
 public:
  explicit LogCapture(log::Level least = log::Level::debug);
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;
  [[nodiscard]] std::vector<log::Record> records() const;
};

/// A directory of its own, removed with its contents.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] std::filesystem::path path() const { return path_; }
  /// Writes a file in it; returns its path.
  [[nodiscard]] std::string write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

}  // namespace cardea::test
