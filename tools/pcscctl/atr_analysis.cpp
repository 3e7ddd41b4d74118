#include "tools/pcscctl/atr_analysis.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "tools/pcscctl/atr_history.hpp"

namespace cardea::ctl {
namespace {

constexpr std::size_t kAtrBytesMax = 33;
constexpr unsigned kGlobalBytes = 15;  // "protocol" T=15: bytes that concern all protocols

struct Rate {
  unsigned factor;  ///< 0: reserved
  unsigned max_khz;
};
constexpr std::array<Rate, 16> kFi{{{372, 4000},
                                    {372, 5000},
                                    {558, 6000},
                                    {744, 8000},
                                    {1116, 12000},
                                    {1488, 16000},
                                    {1860, 20000},
                                    {0, 0},
                                    {0, 0},
                                    {512, 5000},
                                    {768, 7500},
                                    {1024, 10000},
                                    {1536, 15000},
                                    {2048, 20000},
                                    {0, 0},
                                    {0, 0}}};
constexpr std::array<unsigned, 16> kDi{0, 1, 2, 4, 8, 16, 32, 64, 12, 20, 0, 0, 0, 0, 0, 0};

std::string megahertz(unsigned khz) {
  std::string text = std::to_string(khz / 1000);
  if (khz % 1000 != 0) text += "." + std::to_string(khz % 1000 / 100);
  return text + " MHz";
}

class Analyser {
 public:
  explicit Analyser(AtrView atr) : atr_(atr) {}

  AtrAnalysis run() {
    out_.atr = atr_hex(atr_);
    if (atr_.size() < 2) {
      out_.problems.emplace_back("an ATR has at least 2 bytes");
      return out_;
    }
    if (atr_.size() > kAtrBytesMax) out_.problems.emplace_back("an ATR has at most 33 bytes");
    initial();
    interface_bytes();
    historical();
    check_byte();
    summarise();
    return out_;
  }

 private:
  void add(std::size_t at, std::size_t count, const std::string& name, const std::string& text) {
    out_.parts.push_back({atr_hex(atr_.subspan(at, count)), name, text});
  }

  void initial() {
    const unsigned ts = atr_[0];
    std::string text = "no known convention";
    if (ts == 0x3B) text = "direct convention";
    if (ts == 0x3F) text = "inverse convention";
    if (ts != 0x3B && ts != 0x3F) out_.problems.emplace_back("an ATR begins with 3B or 3F");
    add(0, 1, "TS", text);
    present_ = atr_[1] >> 4U;
    history_bytes_ = atr_[1] & 0x0FU;
    add(1, 1, "T0", follows(1) + std::to_string(history_bytes_) + " historical bytes");
    at_ = 2;
  }

  /// "TA1 TD1 follow, "
  [[nodiscard]] std::string follows(unsigned level) const {
    static constexpr std::array kLetters{"TA", "TB", "TC", "TD"};
    std::string text;
    unsigned count = 0;
    for (unsigned i = 0; i < kLetters.size(); ++i) {
      if (((present_ >> i) & 1U) == 0) continue;
      text += (count++ == 0 ? "" : " ") + std::string(kLetters.at(i)) + std::to_string(level);
    }
    if (count == 0) return "";
    return text + (count == 1 ? " follows, " : " follow, ");
  }

  void interface_bytes() {
    for (unsigned level = 1;; ++level) {
      const std::string number = std::to_string(level);
      for (unsigned i = 0; i < 3; ++i) {
        if (((present_ >> i) & 1U) == 0) continue;
        if (at_ >= atr_.size()) return cut();
        const std::string name = std::string("T") + static_cast<char>('A' + i) + number;
        add(at_, 1, name, meaning(level, i, atr_[at_]));
        ++at_;
      }
      if ((present_ & 8U) == 0) return;
      if (at_ >= atr_.size()) return cut();
      const unsigned td = atr_[at_];
      present_ = td >> 4U;
      protocol_ = td & 0x0FU;
      // Bytes for one protocol begin with TA3; those of TD1's are found elsewhere.
      is_first_of_protocol_ = level >= 2 && described_.insert(protocol_).second;
      protocols_.push_back(protocol_);
      std::string text = follows(level + 1);
      text += protocol_ == kGlobalBytes ? "for all protocols (T=15)"
                                        : "protocol T=" + std::to_string(protocol_);
      if (level == 1 && protocol_ == kGlobalBytes) {
        out_.problems.emplace_back("TD1 must not say T=15");
      }
      add(at_++, 1, "TD" + number, text);
    }
  }

  void cut() {
    out_.problems.emplace_back("the ATR ends before its interface bytes do");
    cut_ = true;
  }

  std::string meaning(unsigned level, unsigned letter, unsigned byte) {
    if (level == 1) return first_meaning(letter, byte);
    if (level == 2 && letter == 0) return specific_mode(byte);
    if (level == 2 && letter == 1) return "programming voltage, obsolete";
    if (level == 2) {
      return "T=0: waits for " + std::to_string(byte * 960U) + " x Fi clock cycles at most (WI " +
             std::to_string(byte) + ")";
    }
    if (protocol_ == 1 && is_first_of_protocol_) return t1_meaning(letter, byte);
    if (protocol_ == kGlobalBytes && is_first_of_protocol_) return global_meaning(letter, byte);
    return "for T=" + std::to_string(protocol_);
  }

  std::string first_meaning(unsigned letter, unsigned byte) {
    if (letter == 0) return speed(byte);
    if (letter == 1) {
      return (byte & 0x1FU) == 0 ? "no programming voltage" : "programming voltage, obsolete";
    }
    if (byte == 0xFF) return "extra guard time: none, the least there is (N 255)";
    return "extra guard time: " + std::to_string(byte) + " bit times";
  }

  std::string speed(unsigned byte) {
    const Rate rate = kFi.at(byte >> 4U);
    const unsigned divisor = kDi.at(byte & 0x0FU);
    if (rate.factor == 0 || divisor == 0) {
      out_.problems.emplace_back("TA1 has a reserved value");
      return "speed, reserved value";
    }
    const unsigned bits = 4'000'000U * divisor / rate.factor;
    const unsigned most = rate.max_khz * 1000U * divisor / rate.factor;
    if (byte != 0x11) {
      out_.summary.push_back("up to " + std::to_string(bits) + " bit/s at 4 MHz");
    }
    return "Fi " + std::to_string(rate.factor) + ", Di " + std::to_string(divisor) + ": " +
           std::to_string(bits) + " bit/s at 4 MHz, " + std::to_string(most) + " at most (" +
           megahertz(rate.max_khz) + ")";
  }

  std::string specific_mode(unsigned byte) {
    specific_ = byte & 0x0FU;
    std::string text = "specific mode: T=" + std::to_string(*specific_);
    text += (byte & 0x10U) != 0 ? ", speed known to both in advance" : ", speed of TA1";
    return text + ((byte & 0x80U) != 0 ? ", cannot change" : ", may change after a reset");
  }

  static std::string t1_meaning(unsigned letter, unsigned byte) {
    if (letter == 0) return "T=1: blocks of up to " + std::to_string(byte) + " bytes (IFSC)";
    if (letter == 1) {
      return "T=1: waits for blocks " + std::to_string(byte >> 4U) + " (BWI), for characters " +
             std::to_string(byte & 0x0FU) + " (CWI)";
    }
    return (byte & 1U) != 0 ? "T=1: blocks end with a CRC" : "T=1: blocks end with an LRC";
  }

  std::string global_meaning(unsigned letter, unsigned byte) {
    static constexpr std::array kClock{"clock must not stop", "clock may stop low",
                                       "clock may stop high", "clock may stop"};
    if (letter == 1) return byte == 0 ? "contact C6 unused" : "contact C6 used by the card's maker";
    if (letter != 0) return "reserved";
    std::string volts;
    const auto offer = [&](unsigned mask, const char* text) {
      if ((byte & mask) != 0) volts += (volts.empty() ? "" : ", ") + std::string(text);
    };
    offer(1, "5 V");
    offer(2, "3 V");
    offer(4, "1.8 V");
    if (!volts.empty()) out_.summary.push_back("runs with " + volts);
    return std::string(kClock.at(byte >> 6U)) + "; " + (volts.empty() ? "no class told" : volts);
  }

  void historical() {
    if (cut_ || history_bytes_ == 0) return;
    const std::size_t there = std::min(history_bytes_, atr_.size() - at_);
    if (there < history_bytes_) {
      out_.problems.emplace_back("the ATR ends before its historical bytes do");
      cut_ = true;
    }
    if (there == 0) return;
    add(at_, there, "T1-TK", "historical bytes");
    if (there == history_bytes_) analyse_history(atr_.subspan(at_, there), out_);
    at_ += there;
  }

  void check_byte() {
    if (cut_) return;
    const bool wanted = std::any_of(protocols_.begin(), protocols_.end(),
                                    [](unsigned protocol) { return protocol != 0; });
    if (wanted && at_ == atr_.size()) {
      out_.problems.emplace_back("the check byte TCK is missing");
    } else if (wanted) {
      unsigned sum = 0;
      for (std::size_t i = 1; i < at_; ++i) sum ^= atr_[i];
      const bool good = sum == atr_[at_];
      const auto expected = static_cast<std::uint8_t>(sum);
      const std::string should = atr_hex(AtrView(&expected, 1));
      add(at_++, 1, "TCK", good ? "check byte, correct" : "check byte, wrong: should be " + should);
      if (!good) out_.problems.push_back("the check byte is wrong: it should be " + should);
    }
    if (at_ >= atr_.size()) return;
    add(at_, atr_.size() - at_, "more", "does not belong to an ATR");
    out_.problems.emplace_back("there are bytes after its end");
  }

  void summarise() {
    std::string text;
    const auto offer = [&](unsigned protocol) {
      const std::string name = "T=" + std::to_string(protocol);
      if (protocol != kGlobalBytes && text.find(name) == std::string::npos) {
        text += (text.empty() ? "" : " and ") + name;
      }
    };
    for (const unsigned protocol : protocols_) offer(protocol);
    if (protocols_.empty()) offer(0);
    if (specific_) text = "T=" + std::to_string(*specific_) + " only";
    out_.summary.insert(out_.summary.begin(), "speaks " + text);
    // PC/SC part 3: readers make up such an ATR for cards without contacts.
    const bool contactless = atr_.size() >= 4 && atr_[0] == 0x3B && (atr_[1] & 0xF0U) == 0x80 &&
                             atr_[2] == 0x80 && atr_[3] == 0x01;
    const bool memory =
        out_.summary.size() > 1 && out_.summary[1].find("memory card") != std::string::npos;
    if (memory) {
      std::swap(out_.summary[0], out_.summary[1]);
    } else if (contactless) {
      out_.summary.insert(out_.summary.begin(), "has the form of contactless cards");
    }
  }

  const AtrView atr_;
  AtrAnalysis out_;
  std::size_t at_ = 0;
  unsigned present_ = 0;  ///< which of TA to TD come next, bits 0 to 3
  std::size_t history_bytes_ = 0;
  unsigned protocol_ = 0;         ///< of the last TD
  std::set<unsigned> described_;  ///< protocols that have had bytes of their own
  bool is_first_of_protocol_ = false;
  std::vector<unsigned> protocols_;
  std::optional<unsigned> specific_;
  bool cut_ = false;
};

}  // namespace

std::optional<std::vector<std::uint8_t>> parse_atr(std::string_view text) {
  std::vector<std::uint8_t> bytes;
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    const int lower = std::tolower(static_cast<unsigned char>(c));
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  };
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ' || text[i] == ':' || text[i] == '\t' || text[i] == '\n') {
      ++i;
    } else if (text.substr(i, 2) == "0x" || text.substr(i, 2) == "0X") {
      i += 2;
    } else {
      const int high = digit(text[i]);
      const int low = i + 1 < text.size() ? digit(text[i + 1]) : -1;
      if (high < 0 || low < 0 || bytes.size() == kAtrBytesMax) return std::nullopt;
      bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
      i += 2;
    }
  }
  if (bytes.empty()) return std::nullopt;
  return bytes;
}

AtrAnalysis analyse_atr(AtrView atr) { return Analyser(atr).run(); }

}  // namespace cardea::ctl
