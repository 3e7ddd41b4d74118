// Loads a handler library in a process of its own before the daemon does, because loading runs
// foreign code already: constructors that crash, hang or end the process must not take the daemon
// with them. Blocking, for a few milliseconds as a rule; any thread.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace cardea {

/// A library that takes longer to load is refused.
inline constexpr milliseconds kDriverTrialMax{10'000};

/// The first argument that makes a program the trial's process; the second is the library.
inline constexpr const char* kDriverTrialArgument = "--try-driver";

/// What main() does for kDriverTrialArgument: loads the library and ends with status 0, whether it
/// could be loaded or not. Whoever sees another end knows that loading it is deadly.
[[noreturn]] void run_driver_trial(const char* library_path);

/// Runs this very program again, as the trial's process. Error (invalid_target): the library
/// killed it, ended it, or did not come back within `limit`. That the dynamic linker refuses a
/// library is no error here: the real load says why.
Result<void> try_driver(const std::string& library_path, milliseconds limit = kDriverTrialMax);

}  // namespace cardea
