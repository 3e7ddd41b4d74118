// How readers are named and numbered: `BASE[EXTENSION] NN SS`, NN and SS in upper-case
// hexadecimal. Applications, scripts and polkit rules match these names, so they equal pcscd's
// byte for byte; two cases differ on purpose, because pcscd goes wrong there: a long name with
// an extension keeps its digits, and no two readers share a name. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cardea {

inline constexpr std::size_t kReaderNameBytesMax = 127;  ///< MAX_READERNAME without its NUL
inline constexpr std::size_t kReaderBaseNameBytesMax = 121;
inline constexpr std::size_t kUsbAliasSerialBytesMax = 64;
inline constexpr unsigned kReaderNumberMax = 0xFF;  ///< NN, two digits
inline constexpr unsigned kReaderSlotMax = 0xFF;    ///< SS, two digits

/// Parts of a USB reader's name that the command line can leave out (-I and -S).
struct NameRules {
  bool with_interface = true;
  bool with_serial = true;
};

/// `FRIENDLY[ [INTERFACE]][ (SERIAL)]`, cut at 121 bytes: what a USB reader is called before the
/// digits. The strings are those of interface and device, empty if they have none. Bytes above 0x7F
/// of the interface string become dots; the serial number is left out if the interface string is
/// shown and contains it.
std::string usb_base_name(std::string_view friendly_name, std::string_view interface_string,
                          std::string_view serial, NameRules rules);

/// True if one of the colon-separated, non-empty parts of `filter` occurs in `base`
/// (PCSCLITE_FILTER_IGNORE_READER_NAMES). Such a reader is not opened, by no driver.
///
/// COMPAT: pcscd takes the refusal for a fault of the driver, reports it and tries the class
/// driver.
bool is_ignored(std::string_view base, std::string_view filter);

/// `usb-PORT:CONFIGURATION.INTERFACE[-SERIAL][:slotN]`, e.g. "usb-1-1.2:1.0-AB12", or
/// "usb-1-1.2:1.0-AB12:slot1" for the second slot: a second name for a USB reader that does not
/// depend on when it was plugged in, while NN does. `place` is what comes before the serial number,
/// as the kernel writes it ("1-1.2:1.0"); no two present readers share one, nor an alias. Of the
/// serial number at most 64 bytes count, and those that are not letters, digits, dots, hyphens or
/// underscores become underscores.
std::string usb_alias(std::string_view place, std::string_view serial, unsigned slot);

/// The name of one slot. `base` and `extension` (PCSCLITE_FILTER_EXTEND_READER_NAMES, appended
/// as it is) are cut together to 121 bytes, the base first. number <= kReaderNumberMax, slot <=
/// kReaderSlotMax.
std::string reader_name(std::string_view base, std::string_view extension, unsigned number,
                        unsigned slot);

/// What another reader of the same handler library means for the number of a new one.
struct LibraryReader {
  unsigned number = 0;
  bool on_other_usb_port = false;  ///< both are USB readers, at different ports
  /// What its driver says, see ifd_queries.hpp; none: it is being opened and has not said it yet.
  std::optional<unsigned> simultaneous_access;
};

/// NN and upper half of the LUN for a new reader: the lowest number not taken by those others that
/// count, 0 if none counts. A reader counts at another USB port, or if its driver serves more than
/// one. nullopt: the handler cannot serve one more, or the two digits are used up.
std::optional<unsigned> free_reader_number(std::span<const LibraryReader> others);

/// The NN to show: `number`, or the next one that makes the name differ from all of `names` (full
/// names of the other readers' slots). Slots are left out of the comparison, because a new
/// reader's slots are not known yet. Only the name changes, not the LUN, which is the handler's
/// own count. nullopt: every number up to the maximum is taken.
std::optional<unsigned> unique_name_number(std::string_view base, std::string_view extension,
                                           unsigned number, std::span<const std::string> names);

/// Reader number in the upper, slot in the lower 16 bits.
constexpr std::uint32_t make_lun(unsigned number, unsigned slot) noexcept {
  return (static_cast<std::uint32_t>(number) << 16) | (slot & 0xFFFFu);
}

}  // namespace cardea
