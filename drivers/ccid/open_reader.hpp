// How the library gets from a device name to a reader: over libusb, unless a test says otherwise.
#pragma once

#include "drivers/ccid/registry.hpp"

namespace cardea::ccid {

[[nodiscard]] ReaderOpener reader_opener();

/// Not thread-safe; null goes back to libusb.
void set_reader_opener_for_test(ReaderOpener opener);

}  // namespace cardea::ccid
