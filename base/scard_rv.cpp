#include "base/scard_rv.hpp"

#include <array>
#include <cstdio>

namespace cardea {
namespace {

struct Name {
  ScardRv rv;
  const char* text;
};

constexpr std::array kNames{
    Name{ScardRv::success, "SCARD_S_SUCCESS"},
    Name{ScardRv::internal_error, "SCARD_F_INTERNAL_ERROR"},
    Name{ScardRv::cancelled, "SCARD_E_CANCELLED"},
    Name{ScardRv::invalid_handle, "SCARD_E_INVALID_HANDLE"},
    Name{ScardRv::invalid_parameter, "SCARD_E_INVALID_PARAMETER"},
    Name{ScardRv::invalid_target, "SCARD_E_INVALID_TARGET"},
    Name{ScardRv::no_memory, "SCARD_E_NO_MEMORY"},
    Name{ScardRv::insufficient_buffer, "SCARD_E_INSUFFICIENT_BUFFER"},
    Name{ScardRv::unknown_reader, "SCARD_E_UNKNOWN_READER"},
    Name{ScardRv::timeout, "SCARD_E_TIMEOUT"},
    Name{ScardRv::sharing_violation, "SCARD_E_SHARING_VIOLATION"},
    Name{ScardRv::no_smartcard, "SCARD_E_NO_SMARTCARD"},
    Name{ScardRv::proto_mismatch, "SCARD_E_PROTO_MISMATCH"},
    Name{ScardRv::invalid_value, "SCARD_E_INVALID_VALUE"},
    Name{ScardRv::comm_error, "SCARD_F_COMM_ERROR"},
    Name{ScardRv::not_transacted, "SCARD_E_NOT_TRANSACTED"},
    Name{ScardRv::reader_unavailable, "SCARD_E_READER_UNAVAILABLE"},
    Name{ScardRv::no_service, "SCARD_E_NO_SERVICE"},
    Name{ScardRv::service_stopped, "SCARD_E_SERVICE_STOPPED"},
    Name{ScardRv::unsupported_feature, "SCARD_E_UNSUPPORTED_FEATURE"},
    Name{ScardRv::no_readers_available, "SCARD_E_NO_READERS_AVAILABLE"},
    Name{ScardRv::unresponsive_card, "SCARD_W_UNRESPONSIVE_CARD"},
    Name{ScardRv::unpowered_card, "SCARD_W_UNPOWERED_CARD"},
    Name{ScardRv::reset_card, "SCARD_W_RESET_CARD"},
    Name{ScardRv::removed_card, "SCARD_W_REMOVED_CARD"},
    Name{ScardRv::security_violation, "SCARD_W_SECURITY_VIOLATION"},
};

}  // namespace

std::string to_string(ScardRv rv) {
  for (const Name& name : kNames) {
    if (name.rv == rv) return name.text;
  }
  char text[16];
  std::snprintf(text, sizeof text, "0x%08X", to_wire(rv));
  return text;
}

}  // namespace cardea
