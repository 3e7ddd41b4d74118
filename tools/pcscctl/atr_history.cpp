#include "tools/pcscctl/atr_history.hpp"

#include <algorithm>
#include <array>

namespace cardea::ctl {
namespace {

constexpr std::uint8_t kStatusAtEnd = 0x00;
constexpr std::uint8_t kDirReference = 0x10;
constexpr std::uint8_t kCompactTlv = 0x80;
constexpr std::array<std::uint8_t, 5> kPcscRid{0xA0, 0x00, 0x00, 0x03, 0x06};

void add_words(std::string& text, bool condition, const char* words) {
  if (!condition) return;
  if (!text.empty()) text += ", ";
  text += words;
}

bool bit(unsigned byte, unsigned number) { return ((byte >> (number - 1)) & 1U) != 0; }

const char* life_cycle(unsigned status) {
  switch (status) {
    case 0x00:
      return "life cycle not told";
    case 0x01:
      return "in creation";
    case 0x03:
      return "in initialisation";
    case 0x04:
    case 0x06:
      return "deactivated";
    case 0x05:
    case 0x07:
      return "in use (activated)";
    case 0x0C:
    case 0x0D:
    case 0x0E:
    case 0x0F:
      return "terminated";
    default:
      return status >= 0x10 ? "life cycle of the maker's own" : "life cycle reserved";
  }
}

std::string status_text(AtrView value) {
  std::string text;
  if (value.size() == 1 || value.size() == 3) text = life_cycle(value[0]);
  if (value.size() >= 2) {
    text += (text.empty() ? "status " : ", status ") + atr_hex(value.last(2));
    if (value[value.size() - 2] == 0x90 && value.back() == 0x00) text += " (fine)";
  }
  return text;
}

std::string service_text(AtrView value) {
  if (value.size() != 1) return atr_hex(value);
  const unsigned byte = value[0];
  std::string text;
  add_words(text, bit(byte, 8), "applications selected by full name");
  add_words(text, bit(byte, 7), "applications selected by part of the name");
  add_words(text, bit(byte, 6), "data objects in EF.DIR");
  add_words(text, bit(byte, 5), "data objects in EF.ATR");
  const unsigned access = (byte >> 1U) & 7U;
  add_words(text, access == 4, "read by READ BINARY");
  add_words(text, access == 2, "read by GET DATA");
  add_words(text, access == 0 && (bit(byte, 6) || bit(byte, 5)), "read by READ RECORD");
  add_words(text, true, bit(byte, 1) ? "no master file" : "with a master file");
  return text;
}

std::string selection_text(unsigned byte) {
  std::string text;
  add_words(text, bit(byte, 8), "full name");
  add_words(text, bit(byte, 7), "part of the name");
  add_words(text, bit(byte, 6), "path");
  add_words(text, bit(byte, 5), "file identifier");
  add_words(text, bit(byte, 4), "implicitly");
  std::string files;
  add_words(files, bit(byte, 3), "short file identifiers");
  add_words(files, bit(byte, 2), "record numbers");
  add_words(files, bit(byte, 1), "record identifiers");
  if (!text.empty()) text = "selection by " + text;
  if (!files.empty()) text += (text.empty() ? "" : "; ") + files;
  return text;
}

std::string coding_text(unsigned byte) {
  static constexpr std::array kWrites{"written once", "written in a way of its own", "writing ORs",
                                      "writing ANDs"};
  std::string text = kWrites.at((byte >> 5U) & 3U);
  add_words(text, bit(byte, 8), "files of TLV structure");
  add_words(text, bit(byte, 5), "FF may begin a tag");
  return text + ", data units of " + std::to_string(1U << (byte & 0x0FU)) + " half bytes";
}

std::string command_text(unsigned byte) {
  static constexpr std::array kAssigned{"", " (numbers by the reader)", " (numbers by the card)",
                                        " (numbers by either)"};
  std::string text;
  add_words(text, bit(byte, 8), "command chaining");
  add_words(text, bit(byte, 7), "extended length");
  add_words(text, bit(byte, 6), "limits of length in EF.ATR");
  const unsigned assigned = (byte >> 3U) & 3U;
  const unsigned channels = byte & 7U;
  if (assigned == 0) {
    add_words(text, true, "no logical channels");
  } else {
    const std::string count = channels == 7 ? "8 or more" : std::to_string(channels + 1);
    add_words(text, true, (count + " logical channels" + kAssigned.at(assigned)).c_str());
  }
  return text;
}

std::string capability_text(AtrView value, AtrAnalysis& out) {
  std::string text;
  if (!value.empty()) text = selection_text(value[0]);
  if (value.size() >= 2) text += (text.empty() ? "" : "; ") + coding_text(value[1]);
  if (value.size() >= 3) {
    text += "; " + command_text(value[2]);
    if (bit(value[2], 7)) out.summary.emplace_back("takes commands of extended length");
  }
  return text;
}

struct TagRow {
  unsigned tag;
  const char* name;
};
constexpr std::array kTags{
    TagRow{1, "country code"},      TagRow{2, "issuer"},        TagRow{3, "card services"},
    TagRow{4, "initial access"},    TagRow{5, "issuer's data"}, TagRow{6, "pre-issuing data"},
    TagRow{7, "card capabilities"}, TagRow{8, "status"},        TagRow{15, "application"},
};

const char* tag_name(unsigned tag) {
  for (const TagRow& row : kTags) {
    if (row.tag == tag) return row.name;
  }
  return "unknown object";
}

std::string printable(AtrView bytes) {
  const bool readable =
      !bytes.empty() && std::all_of(bytes.begin(), bytes.end(),
                                    [](std::uint8_t byte) { return byte >= 0x20 && byte < 0x7F; });
  return readable ? "\"" + std::string(bytes.begin(), bytes.end()) + "\"" : "";
}

/// A memory card behind a reader that makes up an ATR for it. False: it is something else.
bool storage_card(AtrView bytes, AtrAnalysis& out) {
  constexpr std::size_t kBytes = 15;
  if (bytes.size() != kBytes || bytes[1] != 0x4F || bytes[2] != 0x0C ||
      !std::equal(kPcscRid.begin(), kPcscRid.end(), bytes.begin() + 3)) {
    return false;
  }
  const unsigned standard = bytes[8];
  const unsigned number = bytes[9] * 256U + bytes[10];
  const char* standard_name = storage_card_standard(standard);
  const char* name = storage_card_name(number);
  const std::string what = name != nullptr ? name : "a memory card that PC/SC has no name for";
  out.history.push_back({atr_hex(bytes.subspan(1, 2)), "application", "identifier of 12 bytes"});
  out.history.push_back({atr_hex(bytes.subspan(3, 5)), "registered", "PC/SC workgroup"});
  out.history.push_back({atr_hex(bytes.subspan(8, 1)), "standard",
                         standard_name != nullptr ? standard_name : "not told"});
  out.history.push_back({atr_hex(bytes.subspan(9, 2)), "card", what});
  out.history.push_back({atr_hex(bytes.subspan(11)), "reserved", ""});
  out.summary.insert(out.summary.begin(), "a contactless memory card: " + what);
  if (standard >= 0x0D && standard <= 0x10) out.summary.front() = "a memory card: " + what;
  return true;
}

void compact_tlv(AtrView rest, AtrAnalysis& out) {
  while (!rest.empty()) {
    const unsigned tag = rest[0] >> 4U;
    const std::size_t length = rest[0] & 0x0FU;
    if (length >= rest.size()) {
      out.problems.emplace_back("a data object in the historical bytes is longer than they are");
      out.history.push_back({atr_hex(rest), tag_name(tag), "cut off"});
      return;
    }
    const AtrView value = rest.subspan(1, length);
    std::string text = printable(value);
    if (tag == 3) text = service_text(value);
    if (tag == 7) text = capability_text(value, out);
    if (tag == 8) text = status_text(value);
    out.history.push_back({atr_hex(rest.first(1 + length)), tag_name(tag), text});
    rest = rest.subspan(1 + length);
  }
}

}  // namespace

std::string atr_hex(AtrView bytes) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    if (!text.empty()) text += ' ';
    text += {kDigits[byte >> 4U], kDigits[byte & 0x0FU]};
  }
  return text;
}

void analyse_history(AtrView bytes, AtrAnalysis& out) {
  if (bytes.empty()) return;
  const std::string first = atr_hex(bytes.first(1));
  switch (bytes[0]) {
    case kStatusAtEnd: {
      out.history.push_back({first, "category", "data objects, then three bytes of status"});
      constexpr std::size_t kStatusBytes = 3;
      if (bytes.size() < 1 + kStatusBytes) {
        out.problems.emplace_back("the status at the end of the historical bytes is missing");
        return;
      }
      compact_tlv(bytes.subspan(1, bytes.size() - 1 - kStatusBytes), out);
      const AtrView status = bytes.last(kStatusBytes);
      out.history.push_back({atr_hex(status), "status", status_text(status)});
      return;
    }
    case kDirReference:
      out.history.push_back({first, "category", "a reference to EF.DIR"});
      out.history.push_back({atr_hex(bytes.subspan(1)), "reference", ""});
      return;
    case kCompactTlv:
      out.history.push_back({first, "category", "data objects"});
      if (!storage_card(bytes, out)) compact_tlv(bytes.subspan(1), out);
      return;
    default:
      out.history.push_back({atr_hex(bytes), "of the maker's own", printable(bytes)});
  }
}

}  // namespace cardea::ctl
