// Starts the threads of this driver: signals stay the host's business, and no exception leaves a
// thread.
#pragma once

#include <functional>
#include <thread>

namespace cardea::virtual_reader {

/// `name` is for log lines and for tools that list threads (15 characters at most).
/// Throws std::system_error if the system has no thread to give.
std::thread start_driver_thread(const char* name, std::function<void()> body);

}  // namespace cardea::virtual_reader
