// What the reader answers to IFDHGetCapabilities and IFDHControl: attributes (PC/SC part 3) and
// features (PC/SC part 10, 2.2 and 2.6). Thread-safe.
#pragma once

#include <optional>

#include "drivers/virtual/bytes.hpp"
#include "drivers/virtual/virtual_reader.hpp"
#include "ifdhandler.h"

namespace cardea::virtual_reader {

/// The value of an attribute, multi-byte numbers in host order; nothing if there is none of this
/// tag. The host's tags for functions (polling) are not among them.
std::optional<Bytes> attribute(const VirtualReader& reader, DWORD lun, DWORD tag);

/// The answer to a control code; nothing if it is not supported.
std::optional<Bytes> control_answer(const VirtualReader& reader, DWORD code);

}  // namespace cardea::virtual_reader
