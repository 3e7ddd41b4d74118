// Finds and reads reader.conf files and checks what they name against the file system. Blocking
// file I/O; no state, any thread.
#pragma once

#include <string>

#include "base/result.hpp"
#include "drivers/reader_conf.hpp"

namespace cardea {

/// Where Linux distributions put reader.conf files.
inline constexpr const char* kReaderConfDirectory = "/etc/reader.conf.d";

inline constexpr std::size_t kReaderConfFilesMax = 256;  ///< of one directory

/// Loads one file, or every regular file of a directory (also behind symbolic links) in the order
/// of their names. Hidden files and the backups of editors and dpkg (NAME~, NAME.bak,
/// NAME.dpkg-*) are skipped; the latter are mentioned in the log. A relative path counts from the
/// current directory.
/// On top of the parser, LIBPATH must be an existing file, and DEVICENAME an existing path unless
/// it contains a colon or there is a CHANNELID other than 0 (then this is only mentioned, as is a
/// LIBPATH in a driver bundle). Files that cannot be read are problems, not errors.
/// Error (invalid_parameter): `path` itself is neither a readable directory nor a file.
Result<ReaderConf> load_reader_conf(const std::string& path);

}  // namespace cardea
