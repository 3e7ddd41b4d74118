// What IFDHControl() tells about a reader: PC/SC part 10's feature list, PIN properties and TLV
// properties. Pure.
#pragma once

#include "drivers/ccid/bytes.hpp"
#include "drivers/ccid/usb_interface.hpp"
#include "ifdhandler.h"

namespace cardea::ccid {

constexpr DWORD kControlEscape = 0x42000001;
constexpr DWORD kControlGetFeatures = 0x42000D48;
/// The same in Windows' numbering; remote desktops pass it on.
constexpr DWORD kControlGetFeaturesWindows = 0x00313520;
constexpr DWORD kControlVerifyPin = 0x42330006;
constexpr DWORD kControlModifyPin = 0x42330007;
constexpr DWORD kControlPinProperties = 0x4233000A;
constexpr DWORD kControlTlvProperties = 0x42330012;

/// Callers provide room for all records a reader may have, used or not.
constexpr std::size_t kFeatureListRoomMin = 36;

/// Records of tag, length 4 and control code, most significant byte first.
Bytes feature_list(const CcidDescriptor& descriptor, bool escape_allowed);

/// PIN_PROPERTIES_STRUCTURE.
Bytes pin_properties(const CcidDescriptor& descriptor);

/// Records of tag, length and little-endian value.
Bytes tlv_properties(const UsbInterface& interface, bool escape_allowed);

}  // namespace cardea::ccid
