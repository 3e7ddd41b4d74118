// The values behind IFDHGetCapabilities() that are data: tags of the host and attributes of
// clients. The host's tags for functions are in ifdhandler.cpp. Thread-safe.
#pragma once

#include <optional>

#include "drivers/ccid/bytes.hpp"
#include "drivers/ccid/reader.hpp"

namespace cardea::ccid {

/// Nothing if the tag is unknown. Texts end with their NUL; a text the device has not got is empty.
std::optional<Bytes> attribute(Reader& reader, DWORD lun, DWORD tag);

}  // namespace cardea::ccid
