// The names of PC/SC's numbers for people: without their common prefix, "SHARED" for
// SCARD_SHARE_SHARED. Numbers without a name come as "0x1234". Pure functions; any thread.
#pragma once

#include <winscard.h>

#include <cstdint>
#include <string>

namespace cardea {

std::string scope_name(DWORD scope);
std::string share_mode_name(DWORD share_mode);
std::string disposition_name(DWORD disposition);
/// A set: "T0|T1"; "UNDEFINED" for none.
std::string protocol_names(DWORD protocols);
/// SCardStatus: "PRESENT|POWERED|NEGOTIABLE"; the number of events in the high word comes after
/// a plus sign.
std::string card_state_names(DWORD state);
/// SCardGetStatusChange: "CHANGED|PRESENT|INUSE"; the number of events as above.
std::string reader_state_names(DWORD state);
std::string attribute_name(DWORD id);
/// A tag of PC/SC part 10: "FEATURE_VERIFY_PIN_DIRECT"; empty if it has no name.
std::string feature_name(std::uint8_t tag);
/// "INFINITE", or milliseconds.
std::string timeout_name(DWORD timeout_ms);

}  // namespace cardea
