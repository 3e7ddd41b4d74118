// Which bytes of a command are secret: what a log or a trace must not show of PINs, unblocking
// codes and keys. Knows command APDUs (ISO 7816-4:2020, PC/SC part 3) and the control blocks of
// secure PIN entry (PC/SC part 10 v2.02.09). In doubt it hides more, never less: whatever stands
// behind a header that promises a secret and does not have the announced form is secret. Not
// seen: commands inside a manufacturer's own wrapping, and what is encrypted anyway.
// Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace cardea {

/// The bytes [begin, end) of a command are secret; nothing is if both are equal.
struct SecretRange {
  std::size_t begin = 0;
  std::size_t end = 0;

  [[nodiscard]] bool empty() const noexcept { return begin == end; }
};

/// The secret part of a command APDU: the data field of VERIFY, CHANGE REFERENCE DATA, ENABLE and
/// DISABLE VERIFICATION REQUIREMENT, RESET RETRY COUNTER, biometric operations, GENERAL
/// AUTHENTICATE (PACE), of ENVELOPE, which may carry any of these, of LOAD KEYS of storage cards,
/// and of OpenPGP's PUT DATA of a resetting code. Whatever the class byte is.
SecretRange secret_of_apdu(std::span<const unsigned char> command);

/// The secret part of what SCardControl sends with a code of PC/SC part 10. `feature` is the tag
/// of the feature that the driver gave this code (FEATURE_VERIFY_PIN_DIRECT is 0x06), 0 if it is
/// unknown; then the block is judged by its form: a PIN structure, a CCID message
/// (PC_to_RDR_Secure, PC_to_RDR_XfrBlock), a command APDU.
SecretRange secret_of_control(std::uint8_t feature, std::span<const unsigned char> block);

/// "00 20 00 81 04 ** ** ** **". What is beyond `shown_max` bytes is left out.
std::string masked_hex(std::span<const unsigned char> bytes, SecretRange secret,
                       std::size_t shown_max);

}  // namespace cardea
