// Assertions that stay on in release builds. They are for bugs of ours only: whatever a client,
// a driver, a file or the kernel can cause is handled as an outcome, never asserted.
#pragma once

namespace cardea {

/// Prints the failed condition with its place on stderr and aborts. Any thread.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace cardea

#define CARDEA_ASSERT(condition)          \
  (static_cast<bool>(condition) ? void(0) \
                                : ::cardea::assertion_failed(#condition, __FILE__, __LINE__))
