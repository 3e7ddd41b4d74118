// Reads a configuration file whole, whatever lies at its path. Blocking file I/O; no state, any
// thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace cardea {

/// The contents of a regular file (also behind symbolic links), or why they cannot be read. Never
/// more than `bytes_max` + 1 bytes: a parser with that limit then refuses the file.
tl::expected<std::string, std::string> read_config_file(const std::string& path,
                                                        std::size_t bytes_max);

/// True for names that editors and dpkg give to old versions: NAME~, NAME.bak, NAME.dpkg-*.
bool is_backup_name(std::string_view name);

}  // namespace cardea
