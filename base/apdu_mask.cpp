#include "base/apdu_mask.hpp"

#include <algorithm>

namespace cardea {
namespace {

using Bytes = std::span<const unsigned char>;

constexpr std::size_t kHeaderBytes = 4;     // CLA INS P1 P2
constexpr std::size_t kShortDataAt = 5;     // behind Lc
constexpr std::size_t kExtendedDataAt = 7;  // behind 00 Lc Lc

// PC/SC part 10, section 2.5: where ulDataLength (4 bytes) stands; abData follows.
constexpr std::size_t kVerifyLengthAt = 15;
constexpr std::size_t kModifyLengthAt = 20;
constexpr std::uint8_t kVerifyPinStart = 0x01;
constexpr std::uint8_t kModifyPinStart = 0x03;
constexpr std::uint8_t kVerifyPinDirect = 0x06;
constexpr std::uint8_t kModifyPinDirect = 0x07;
constexpr std::uint8_t kMctReaderDirect = 0x08;
constexpr std::uint8_t kMctUniversal = 0x09;
constexpr std::uint8_t kVerifyPinDirectAppId = 0x0D;
constexpr std::uint8_t kModifyPinDirectAppId = 0x0E;
constexpr std::uint8_t kExecutePace = 0x20;

// CCID 1.1: every message begins with type, length (4 bytes, little endian) and 5 more bytes.
constexpr std::size_t kCcidHeaderBytes = 10;
constexpr unsigned char kCcidSecure = 0x69;
constexpr unsigned char kCcidXfrBlock = 0x6F;

SecretRange behind(std::size_t begin, Bytes bytes) {
  return {std::min(begin, bytes.size()), bytes.size()};
}

bool carries_secret(Bytes command) {
  const unsigned char cla = command[0];
  const unsigned char ins = command[1];
  switch (ins & 0xFE) {  // the odd instruction is the even one with BER-TLV data
    case 0x20:           // VERIFY
    case 0x24:           // CHANGE REFERENCE DATA
    case 0x26:           // DISABLE VERIFICATION REQUIREMENT
    case 0x28:           // ENABLE VERIFICATION REQUIREMENT
    case 0x2C:           // RESET RETRY COUNTER
    case 0x2E:           // PERFORM BIOMETRIC OPERATION
    case 0x86:           // GENERAL AUTHENTICATE
    case 0xC2:           // ENVELOPE
      return true;
    case 0x82:  // LOAD KEYS of storage cards; EXTERNAL AUTHENTICATE of others has a cryptogram
      return cla == 0xFF;
    case 0xDA:  // PUT DATA: OpenPGP's resetting code
      return command.size() >= kHeaderBytes && command[2] == 0x00 && command[3] == 0xD3;
    default:
      return false;
  }
}

/// A trailing Le is shown if it is zero; anything else could be data that Lc does not count.
SecretRange data_and_le(Bytes command, std::size_t data_at, std::size_t lc) {
  const Bytes rest = command.subspan(data_at);
  if (rest.size() < lc) return behind(kHeaderBytes, command);
  const Bytes le = rest.subspan(lc);
  const bool plain = le.size() <= 2 && std::ranges::all_of(le, [](auto b) { return b == 0; });
  if (!plain) return behind(data_at, command);
  return {data_at, data_at + lc};
}

std::uint32_t u32_at(Bytes bytes, std::size_t at, bool big_endian) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = (value << 8) | bytes[at + (big_endian ? i : 3 - i)];
  }
  return value;
}

/// True if the number at `length_at` counts exactly what follows it, in either byte order:
/// programs disagree about it.
bool has_length_at(Bytes block, std::size_t length_at) {
  if (block.size() < length_at + 4) return false;
  const std::size_t follows = block.size() - length_at - 4;
  return u32_at(block, length_at, false) == follows || u32_at(block, length_at, true) == follows;
}

/// abData of a PIN structure is the command with room for the PIN: its header may be shown.
SecretRange secret_of_pin_structure(Bytes block, std::size_t length_at) {
  return behind(length_at + 4 + kHeaderBytes, block);
}

SecretRange secret_of_unknown_block(Bytes block) {
  const bool ccid = block.size() >= kCcidHeaderBytes &&
                    u32_at(block, 1, false) == block.size() - kCcidHeaderBytes;
  if (ccid && block[0] == kCcidSecure) return behind(kCcidHeaderBytes, block);
  if (ccid && block[0] == kCcidXfrBlock) {
    const SecretRange inner = secret_of_apdu(block.subspan(kCcidHeaderBytes));
    if (inner.empty()) return {};
    return {inner.begin + kCcidHeaderBytes, inner.end + kCcidHeaderBytes};
  }
  for (const std::size_t length_at : {kVerifyLengthAt, kModifyLengthAt}) {
    if (has_length_at(block, length_at)) return secret_of_pin_structure(block, length_at);
  }
  return secret_of_apdu(block);
}

}  // namespace

SecretRange secret_of_apdu(Bytes command) {
  if (command.size() <= kShortDataAt || !carries_secret(command)) return {};
  const std::size_t lc = command[kHeaderBytes];
  if (lc != 0) return data_and_le(command, kShortDataAt, lc);
  if (command.size() <= kExtendedDataAt) return behind(kShortDataAt, command);
  const std::size_t extended = (std::size_t{command[5]} << 8) | command[6];
  if (extended == 0) return behind(kHeaderBytes, command);
  return data_and_le(command, kExtendedDataAt, extended);
}

SecretRange secret_of_control(std::uint8_t feature, Bytes block) {
  switch (feature) {
    case kVerifyPinStart:
    case kVerifyPinDirect:
      return has_length_at(block, kVerifyLengthAt) ? secret_of_pin_structure(block, kVerifyLengthAt)
                                                   : behind(0, block);
    case kModifyPinStart:
    case kModifyPinDirect:
      return has_length_at(block, kModifyLengthAt) ? secret_of_pin_structure(block, kModifyLengthAt)
                                                   : behind(0, block);
    case kVerifyPinDirectAppId:
    case kModifyPinDirectAppId:
      return behind(0, block);
    case kMctReaderDirect:  // CT-BCS commands: CLA INS P1 P2, then a template
    case kMctUniversal:     // SAD DAD and a length, then a command
      return behind(kHeaderBytes, block);
    case kExecutePace:  // function and length; then PIN, CAN or MRZ
      return behind(3, block);
    default:
      return secret_of_unknown_block(block);
  }
}

std::string masked_hex(Bytes bytes, SecretRange secret, std::size_t shown_max) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  const std::size_t shown = std::min(bytes.size(), shown_max);
  std::string text;
  text.reserve(shown * 3);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) text += ' ';
    if (i >= secret.begin && i < secret.end) {
      text += "**";
    } else {
      text += kDigits[bytes[i] >> 4];
      text += kDigits[bytes[i] & 0x0F];
    }
  }
  return text;
}

}  // namespace cardea
