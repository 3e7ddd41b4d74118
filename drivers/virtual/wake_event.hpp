// An eventfd that ends a poll() of the driver's own threads. Thread-safe.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace cardea::virtual_reader {

class WakeEvent {
 public:
  static Result<WakeEvent> create();

  /// Makes fd() readable for good.
  void signal() noexcept;
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  /// True once signal() was called, false after `timeout_ms`.
  [[nodiscard]] bool wait(int timeout_ms) const noexcept;

 private:
  explicit WakeEvent(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace cardea::virtual_reader
