#include "libpcsclite/trace_names.hpp"

#include <reader.h>

#include <span>

#include "libpcsclite/json_object.hpp"

// Name and number of a constant.
#define CARDEA_NAMED(constant) \
  { constant, #constant }

namespace cardea {
namespace {

struct Name {
  DWORD value;
  const char* text;
};

constexpr Name kScopes[] = {{SCARD_SCOPE_USER, "USER"},
                            {SCARD_SCOPE_TERMINAL, "TERMINAL"},
                            {SCARD_SCOPE_SYSTEM, "SYSTEM"},
                            {SCARD_SCOPE_GLOBAL, "GLOBAL"}};
constexpr Name kShareModes[] = {{SCARD_SHARE_EXCLUSIVE, "EXCLUSIVE"},
                                {SCARD_SHARE_SHARED, "SHARED"},
                                {SCARD_SHARE_DIRECT, "DIRECT"}};
constexpr Name kDispositions[] = {{SCARD_LEAVE_CARD, "LEAVE"},
                                  {SCARD_RESET_CARD, "RESET"},
                                  {SCARD_UNPOWER_CARD, "UNPOWER"},
                                  {SCARD_EJECT_CARD, "EJECT"}};
constexpr Name kProtocols[] = {{SCARD_PROTOCOL_T0, "T0"},
                               {SCARD_PROTOCOL_T1, "T1"},
                               {SCARD_PROTOCOL_RAW, "RAW"},
                               {SCARD_PROTOCOL_T15, "T15"}};
constexpr Name kCardStates[] = {{SCARD_UNKNOWN, "UNKNOWN"},  {SCARD_ABSENT, "ABSENT"},
                                {SCARD_PRESENT, "PRESENT"},  {SCARD_SWALLOWED, "SWALLOWED"},
                                {SCARD_POWERED, "POWERED"},  {SCARD_NEGOTIABLE, "NEGOTIABLE"},
                                {SCARD_SPECIFIC, "SPECIFIC"}};
constexpr Name kReaderStates[] = {
    {SCARD_STATE_IGNORE, "IGNORE"},      {SCARD_STATE_CHANGED, "CHANGED"},
    {SCARD_STATE_UNKNOWN, "UNKNOWN"},    {SCARD_STATE_UNAVAILABLE, "UNAVAILABLE"},
    {SCARD_STATE_EMPTY, "EMPTY"},        {SCARD_STATE_PRESENT, "PRESENT"},
    {SCARD_STATE_ATRMATCH, "ATRMATCH"},  {SCARD_STATE_EXCLUSIVE, "EXCLUSIVE"},
    {SCARD_STATE_INUSE, "INUSE"},        {SCARD_STATE_MUTE, "MUTE"},
    {SCARD_STATE_UNPOWERED, "UNPOWERED"}};
constexpr Name kAttributes[] = {
    CARDEA_NAMED(SCARD_ATTR_VENDOR_NAME),
    CARDEA_NAMED(SCARD_ATTR_VENDOR_IFD_TYPE),
    CARDEA_NAMED(SCARD_ATTR_VENDOR_IFD_VERSION),
    CARDEA_NAMED(SCARD_ATTR_VENDOR_IFD_SERIAL_NO),
    CARDEA_NAMED(SCARD_ATTR_CHANNEL_ID),
    CARDEA_NAMED(SCARD_ATTR_ASYNC_PROTOCOL_TYPES),
    CARDEA_NAMED(SCARD_ATTR_DEFAULT_CLK),
    CARDEA_NAMED(SCARD_ATTR_MAX_CLK),
    CARDEA_NAMED(SCARD_ATTR_DEFAULT_DATA_RATE),
    CARDEA_NAMED(SCARD_ATTR_MAX_DATA_RATE),
    CARDEA_NAMED(SCARD_ATTR_MAX_IFSD),
    CARDEA_NAMED(SCARD_ATTR_SYNC_PROTOCOL_TYPES),
    CARDEA_NAMED(SCARD_ATTR_POWER_MGMT_SUPPORT),
    CARDEA_NAMED(SCARD_ATTR_USER_TO_CARD_AUTH_DEVICE),
    CARDEA_NAMED(SCARD_ATTR_USER_AUTH_INPUT_DEVICE),
    CARDEA_NAMED(SCARD_ATTR_CHARACTERISTICS),
    CARDEA_NAMED(SCARD_ATTR_CURRENT_PROTOCOL_TYPE),
    CARDEA_NAMED(SCARD_ATTR_CURRENT_CLK),
    CARDEA_NAMED(SCARD_ATTR_CURRENT_F),
    CARDEA_NAMED(SCARD_ATTR_CURRENT_D),
    CARDEA_NAMED(SCARD_ATTR_CURRENT_N),
    CARDEA_NAMED(SCARD_ATTR_CURRENT_W),
    CARDEA_NAMED(SCARD_ATTR_CURRENT_IFSC),
    CARDEA_NAMED(SCARD_ATTR_CURRENT_IFSD),
    CARDEA_NAMED(SCARD_ATTR_CURRENT_BWT),
    CARDEA_NAMED(SCARD_ATTR_CURRENT_CWT),
    CARDEA_NAMED(SCARD_ATTR_CURRENT_EBC_ENCODING),
    CARDEA_NAMED(SCARD_ATTR_EXTENDED_BWT),
    CARDEA_NAMED(SCARD_ATTR_ICC_PRESENCE),
    CARDEA_NAMED(SCARD_ATTR_ICC_INTERFACE_STATUS),
    CARDEA_NAMED(SCARD_ATTR_CURRENT_IO_STATE),
    CARDEA_NAMED(SCARD_ATTR_ATR_STRING),
    CARDEA_NAMED(SCARD_ATTR_ICC_TYPE_PER_ATR),
    CARDEA_NAMED(SCARD_ATTR_ESC_RESET),
    CARDEA_NAMED(SCARD_ATTR_ESC_CANCEL),
    CARDEA_NAMED(SCARD_ATTR_ESC_AUTHREQUEST),
    CARDEA_NAMED(SCARD_ATTR_MAXINPUT),
    CARDEA_NAMED(SCARD_ATTR_DEVICE_UNIT),
    CARDEA_NAMED(SCARD_ATTR_DEVICE_IN_USE),
    CARDEA_NAMED(SCARD_ATTR_DEVICE_FRIENDLY_NAME_A),
    CARDEA_NAMED(SCARD_ATTR_DEVICE_SYSTEM_NAME_A),
    CARDEA_NAMED(SCARD_ATTR_DEVICE_FRIENDLY_NAME_W),
    CARDEA_NAMED(SCARD_ATTR_DEVICE_SYSTEM_NAME_W),
    CARDEA_NAMED(SCARD_ATTR_SUPRESS_T1_IFS_REQUEST),
};
constexpr Name kFeatures[] = {
    CARDEA_NAMED(FEATURE_VERIFY_PIN_START),
    CARDEA_NAMED(FEATURE_VERIFY_PIN_FINISH),
    CARDEA_NAMED(FEATURE_MODIFY_PIN_START),
    CARDEA_NAMED(FEATURE_MODIFY_PIN_FINISH),
    CARDEA_NAMED(FEATURE_GET_KEY_PRESSED),
    CARDEA_NAMED(FEATURE_VERIFY_PIN_DIRECT),
    CARDEA_NAMED(FEATURE_MODIFY_PIN_DIRECT),
    CARDEA_NAMED(FEATURE_MCT_READER_DIRECT),
    CARDEA_NAMED(FEATURE_MCT_UNIVERSAL),
    CARDEA_NAMED(FEATURE_IFD_PIN_PROPERTIES),
    CARDEA_NAMED(FEATURE_ABORT),
    CARDEA_NAMED(FEATURE_SET_SPE_MESSAGE),
    CARDEA_NAMED(FEATURE_VERIFY_PIN_DIRECT_APP_ID),
    CARDEA_NAMED(FEATURE_MODIFY_PIN_DIRECT_APP_ID),
    CARDEA_NAMED(FEATURE_WRITE_DISPLAY),
    CARDEA_NAMED(FEATURE_GET_KEY),
    CARDEA_NAMED(FEATURE_IFD_DISPLAY_PROPERTIES),
    CARDEA_NAMED(FEATURE_GET_TLV_PROPERTIES),
    CARDEA_NAMED(FEATURE_CCID_ESC_COMMAND),
    CARDEA_NAMED(FEATURE_EXECUTE_PACE),
};

const char* find(std::span<const Name> names, DWORD value) {
  for (const Name& name : names) {
    if (name.value == value) return name.text;
  }
  return nullptr;
}

std::string one_of(std::span<const Name> names, DWORD value) {
  const char* const text = find(names, value);
  return text != nullptr ? text : hex_number(value);
}

/// `none` is what no bit is called.
std::string set_of(std::span<const Name> names, DWORD bits, const char* none) {
  if (bits == 0) return none;
  std::string text;
  const auto add = [&text](const std::string& part) {
    if (!text.empty()) text += '|';
    text += part;
  };
  for (const Name& name : names) {
    if ((bits & name.value) != 0) add(name.text);
    bits &= ~name.value;
  }
  if (bits != 0) add(hex_number(bits));
  return text;
}

/// The high word counts events.
std::string state_of(std::span<const Name> names, DWORD state, const char* none) {
  const std::string text = set_of(names, state & 0xFFFF, none);
  const DWORD events = state >> 16;
  return events == 0 ? text : text + '+' + std::to_string(events);
}

}  // namespace

std::string scope_name(DWORD scope) { return one_of(kScopes, scope); }
std::string share_mode_name(DWORD share_mode) { return one_of(kShareModes, share_mode); }
std::string disposition_name(DWORD disposition) { return one_of(kDispositions, disposition); }
std::string protocol_names(DWORD protocols) { return set_of(kProtocols, protocols, "UNDEFINED"); }
std::string card_state_names(DWORD state) { return state_of(kCardStates, state, "0"); }
std::string reader_state_names(DWORD state) { return state_of(kReaderStates, state, "UNAWARE"); }
std::string attribute_name(DWORD id) { return one_of(kAttributes, id); }

std::string feature_name(std::uint8_t tag) {
  const char* const text = find(kFeatures, tag);
  return text != nullptr ? text : "";
}

std::string timeout_name(DWORD timeout_ms) {
  const bool infinite = timeout_ms == INFINITE || timeout_ms == static_cast<DWORD>(-1);
  return infinite ? "INFINITE" : std::to_string(timeout_ms) + " ms";
}

}  // namespace cardea
