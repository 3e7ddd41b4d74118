// The IFD handlers built for the tests of drivers/: where they are and what they recorded. Test
// thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "drivers/ifd_library.hpp"

namespace cardea::test {

/// Path of a handler of tests/unit/drivers/handlers, e.g. "handler_3".
std::string handler_path(const std::string& name);

/// Loads it; a failure ends the test program, because nothing can follow.
std::shared_ptr<const IfdLibrary> load_handler(const std::string& name);

/// The lines the recording handler wrote since the last call.
std::vector<std::string> handler_calls(const IfdLibrary& library);

/// Blocks until a thread is inside the recording handler's polling function.
void wait_for_poll(const IfdLibrary& library);

/// True if somebody in this process has the library loaded.
bool is_loaded(const std::string& path);

}  // namespace cardea::test
