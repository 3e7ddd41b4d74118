// Driver bundles: which USB reader is served by which IFD handler. A bundle is a directory
// NAME.bundle with Contents/Info.plist, which lists vendor and product ids and friendly names, and
// Contents/Linux/LIBRARY. Loading blocks on files; the rest is pure. No state, any thread.
//
// A fault costs its row if it is clear which, else its bundle, and never another bundle or the
// daemon (COMPAT: pcscd ends at lists of unequal length).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "drivers/config_problem.hpp"

namespace cardea {

/// Where Linux distributions put bundles.
inline constexpr const char* kDriverBundleDirectory = "/usr/lib/pcsc/drivers";

inline constexpr std::size_t kDriverBundlesMax = 128;        ///< of one directory
inline constexpr std::size_t kDriverBundleProblemsMax = 30;  ///< of one bundle

struct UsbReaderEntry {
  std::uint16_t vendor = 0;
  std::uint16_t product = 0;
  std::string friendly_name;
};

struct DriverBundle {
  std::string path;              ///< of the directory NAME.bundle
  std::string info_path;         ///< of its Info.plist
  std::string library_path;      ///< an existing file
  unsigned library_line = 0;     ///< of Info.plist, where the library is named
  bool is_class_driver = false;  ///< serves a whole class of devices: others go first
  /// Ordered by vendor and product; of several rows with the same ids, in the order of the file.
  std::vector<UsbReaderEntry> readers;
};

struct DriverBundles {
  std::vector<DriverBundle> bundles;  ///< in the order of their names, the same on every machine
  std::vector<ConfigProblem> problems;
};

/// All usable bundles of a directory. A missing or unreadable directory is a problem, too: without
/// bundles no USB reader is found.
///
/// COMPAT: only names that end in .bundle and do not start with a dot count; the log mentions
/// others that contain it. pcscd also takes x.bundle.dpkg-old, whose old table may then win.
DriverBundles load_driver_bundles(const std::string& directory);

struct DriverChoice {
  std::string library_path;
  std::string friendly_name;
};

/// The drivers to try for a USB device, in this order; empty if no bundle lists it. The last bundle
/// (by name) that lists the device for itself comes first, then the last class driver that lists
/// it, for the case that the first one fails. Both have the name of the first: the reader keeps
/// its name whichever driver serves it, as with pcscd.
std::vector<DriverChoice> find_drivers(const DriverBundles& bundles, std::uint16_t vendor,
                                       std::uint16_t product);

}  // namespace cardea
