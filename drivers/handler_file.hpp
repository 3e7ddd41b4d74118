// Looks at the file of an IFD handler without running any of it, for `pcscd --check-config`.
// Blocking file I/O; no state, any thread.
#pragma once

#include <cstddef>
#include <string>

namespace cardea {

inline constexpr std::size_t kHandlerSymbolsMax = 1'000'000;
inline constexpr std::size_t kHandlerSymbolTextBytesMax = 64 * 1024 * 1024;

/// Why the file cannot be an IFD handler for this machine, empty if nothing speaks against it: it
/// has to be an ELF shared object of this program's architecture and export what IfdLibrary needs
/// (version 2.0 or 3.0). Whether its own libraries are there only loading it can tell.
std::string handler_file_problem(const std::string& path);

}  // namespace cardea
