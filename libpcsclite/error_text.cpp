#include "libpcsclite/error_text.hpp"

#include <array>
#include <cstdio>

namespace cardea {
namespace {

struct ErrorText {
  LONG code;
  const char* text;
};

constexpr std::array kErrorTexts{
    ErrorText{SCARD_S_SUCCESS, "Command successful."},
    ErrorText{SCARD_F_INTERNAL_ERROR, "Internal error."},
    ErrorText{SCARD_E_CANCELLED, "Command cancelled."},
    ErrorText{SCARD_E_INVALID_HANDLE, "Invalid handle."},
    ErrorText{SCARD_E_INVALID_PARAMETER, "Invalid parameter given."},
    ErrorText{SCARD_E_INVALID_TARGET, "Invalid target given."},
    ErrorText{SCARD_E_NO_MEMORY, "Not enough memory."},
    ErrorText{SCARD_F_WAITED_TOO_LONG, "Waited too long."},
    ErrorText{SCARD_E_INSUFFICIENT_BUFFER, "Insufficient buffer."},
    ErrorText{SCARD_E_UNKNOWN_READER, "Unknown reader specified."},
    ErrorText{SCARD_E_TIMEOUT, "Command timeout."},
    ErrorText{SCARD_E_SHARING_VIOLATION, "Sharing violation."},
    ErrorText{SCARD_E_NO_SMARTCARD, "No smart card inserted."},
    ErrorText{SCARD_E_UNKNOWN_CARD, "Unknown card."},
    ErrorText{SCARD_E_CANT_DISPOSE, "Cannot dispose handle."},
    ErrorText{SCARD_E_PROTO_MISMATCH, "Card protocol mismatch."},
    ErrorText{SCARD_E_NOT_READY, "Subsystem not ready."},
    ErrorText{SCARD_E_INVALID_VALUE, "Invalid value given."},
    ErrorText{SCARD_E_SYSTEM_CANCELLED, "System cancelled."},
    ErrorText{SCARD_F_COMM_ERROR, "RPC transport error."},
    ErrorText{SCARD_F_UNKNOWN_ERROR, "Unknown error."},
    ErrorText{SCARD_E_INVALID_ATR, "Invalid ATR."},
    ErrorText{SCARD_E_NOT_TRANSACTED, "Transaction failed."},
    ErrorText{SCARD_E_READER_UNAVAILABLE, "Reader is unavailable."},
    ErrorText{SCARD_E_PCI_TOO_SMALL, "PCI struct too small."},
    ErrorText{SCARD_E_READER_UNSUPPORTED, "Reader is unsupported."},
    ErrorText{SCARD_E_DUPLICATE_READER, "Reader already exists."},
    ErrorText{SCARD_E_CARD_UNSUPPORTED, "Card is unsupported."},
    ErrorText{SCARD_E_NO_SERVICE, "Service not available."},
    ErrorText{SCARD_E_SERVICE_STOPPED, "Service was stopped."},
    ErrorText{SCARD_E_UNSUPPORTED_FEATURE, "Feature not supported."},
    ErrorText{SCARD_E_NO_READERS_AVAILABLE, "Cannot find a smart card reader."},
    ErrorText{SCARD_W_UNSUPPORTED_CARD, "Card is not supported."},
    ErrorText{SCARD_W_UNRESPONSIVE_CARD, "Card is unresponsive."},
    ErrorText{SCARD_W_UNPOWERED_CARD, "Card is unpowered."},
    ErrorText{SCARD_W_RESET_CARD, "Card was reset."},
    ErrorText{SCARD_W_REMOVED_CARD, "Card was removed."},
    ErrorText{SCARD_W_SECURITY_VIOLATION, "Access denied."},
};

}  // namespace

void write_error_text(LONG code, std::span<char, kErrorTextBytes> text) noexcept {
  for (const ErrorText& known : kErrorTexts) {
    if (known.code == code) {
      std::snprintf(text.data(), text.size(), "%s", known.text);
      return;
    }
  }
  std::snprintf(text.data(), text.size(), "Unknown error: 0x%08lX",
                static_cast<unsigned long>(code));
}

}  // namespace cardea
