// The numbers PC/SC part 3 gives to memory cards and their standards.
#include <array>

#include "tools/pcscctl/atr_history.hpp"

namespace cardea::ctl {
namespace {

struct Row {
  unsigned number;
  const char* name;
};

constexpr std::array kCards{
    Row{0x0001, "MIFARE Classic 1K"},
    Row{0x0002, "MIFARE Classic 4K"},
    Row{0x0003, "MIFARE Ultralight"},
    Row{0x0004, "SLE55R"},
    Row{0x0006, "SR176"},
    Row{0x0007, "SRI X4K"},
    Row{0x0008, "AT88RF020"},
    Row{0x0009, "AT88SC0204CRF"},
    Row{0x000A, "AT88SC0808CRF"},
    Row{0x000B, "AT88SC1616CRF"},
    Row{0x000C, "AT88SC3216CRF"},
    Row{0x000D, "AT88SC6416CRF"},
    Row{0x000E, "SRF55V10P"},
    Row{0x000F, "SRF55V02P"},
    Row{0x0010, "SRF55V10S"},
    Row{0x0011, "SRF55V02S"},
    Row{0x0012, "Tag-it"},
    Row{0x0013, "LRI512"},
    Row{0x0014, "ICODE SLI"},
    Row{0x0015, "TempSense"},
    Row{0x0016, "I-CODE 1"},
    Row{0x0017, "PicoPass 2K"},
    Row{0x0018, "PicoPass 2KS"},
    Row{0x0019, "PicoPass 16K"},
    Row{0x001A, "PicoPass 16KS"},
    Row{0x001B, "PicoPass 16K (8x2)"},
    Row{0x001C, "PicoPass 16KS (8x2)"},
    Row{0x001D, "PicoPass 32KS (16+16)"},
    Row{0x001E, "PicoPass 32KS (16+8x2)"},
    Row{0x001F, "PicoPass 32KS (8x2+16)"},
    Row{0x0020, "PicoPass 32KS (8x2+8x2)"},
    Row{0x0021, "LRI64"},
    Row{0x0022, "I-CODE UID"},
    Row{0x0023, "I-CODE EPC"},
    Row{0x0024, "LRI12"},
    Row{0x0025, "LRI128"},
    Row{0x0026, "MIFARE Mini"},
    Row{0x0027, "my-d move (SLE66R01P)"},
    Row{0x0028, "my-d NFC (SLE66RxxP)"},
    Row{0x0029, "my-d proximity 2 (SLE66RxxS)"},
    Row{0x002A, "my-d proximity enhanced (SLE55RxxE)"},
    Row{0x002B, "my-d light (SRF55V01P)"},
    Row{0x002C, "PJM Stack Tag"},
    Row{0x002D, "PJM Item Tag"},
    Row{0x002E, "PJM Light"},
    Row{0x002F, "Jewel Tag"},
    Row{0x0030, "Topaz NFC Tag"},
    Row{0x0031, "AT88SC0104CRF"},
    Row{0x0032, "AT88SC0404CRF"},
    Row{0x0033, "AT88RF01C"},
    Row{0x0034, "AT88RF04C"},
    Row{0x0035, "ICODE SL2"},
    Row{0x0036, "MIFARE Plus SL1 2K"},
    Row{0x0037, "MIFARE Plus SL1 4K"},
    Row{0x0038, "MIFARE Plus SL2 2K"},
    Row{0x0039, "MIFARE Plus SL2 4K"},
    Row{0x003A, "MIFARE Ultralight C"},
    Row{0x003B, "FeliCa"},
    Row{0x003C, "Melexis sensor tag (MLX90129)"},
    Row{0x003D, "MIFARE Ultralight EV1"},
};

constexpr std::array kStandards{
    Row{0x01, "ISO 14443 A, part 1"},
    Row{0x02, "ISO 14443 A, part 2"},
    Row{0x03, "ISO 14443 A, part 3"},
    Row{0x05, "ISO 14443 B, part 1"},
    Row{0x06, "ISO 14443 B, part 2"},
    Row{0x07, "ISO 14443 B, part 3"},
    Row{0x09, "ISO 15693, part 1"},
    Row{0x0A, "ISO 15693, part 2"},
    Row{0x0B, "ISO 15693, part 3"},
    Row{0x0C, "ISO 15693, part 4"},
    Row{0x0D, "contact, I2C"},
    Row{0x0E, "contact, extended I2C"},
    Row{0x0F, "contact, 2-wire bus"},
    Row{0x10, "contact, 3-wire bus"},
    Row{0x11, "FeliCa"},
};

template <typename Table>
const char* find(const Table& table, unsigned number) {
  for (const Row& row : table) {
    if (row.number == number) return row.name;
  }
  return nullptr;
}

}  // namespace

const char* storage_card_name(unsigned number) { return find(kCards, number); }
const char* storage_card_standard(unsigned number) { return find(kStandards, number); }

}  // namespace cardea::ctl
