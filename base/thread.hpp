// Starting a thread where the system may refuse it: limits on tasks and memory are the
// administrator's, so it is an outcome, which the C++ library reports by an exception.
#pragma once

#include <system_error>
#include <thread>
#include <utility>

namespace cardea {

/// Runs `run` on a new thread, put into `thread`. False if the system has none.
template <typename Run>
[[nodiscard]] bool start_thread(std::thread& thread, Run run) {
  try {
    thread = std::thread(std::move(run));
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

}  // namespace cardea
