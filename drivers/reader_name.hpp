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
inline constexpr unsigned kReaderNumberMax = 0xFF;  ///< NN, two digits
inline constexpr unsigned kReaderSlotMax = 0xFF;    ///< SS, two digits

/// The name of one slot. `base` and `extension` (PCSCLITE_FILTER_EXTEND_READER_NAMES, appended
/// as it is) are cut together to 121 bytes, the base first. number <= kReaderNumberMax, slot <=
/// kReaderSlotMax.
std::string reader_name(std::string_view base, std::string_view extension, unsigned number,
                        unsigned slot);

/// What another reader of the same handler library means for the number of a new one.
struct LibraryReader {
  unsigned number = 0;
  bool on_other_usb_port = false;    ///< both are USB readers, at different ports
  unsigned simultaneous_access = 1;  ///< what its driver says, see ifd_queries.hpp
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
