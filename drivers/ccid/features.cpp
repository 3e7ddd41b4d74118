#include "drivers/ccid/features.hpp"

#include "reader.h"

namespace cardea::ccid {
namespace {

constexpr std::uint8_t kAnyValidation = 7;  // maximum size reached, key, time over
constexpr std::uint8_t kNoTimeout2 = 0;
constexpr std::uint32_t kExtendedApduBytes = 0x10000;

void append_feature(Bytes& out, std::uint8_t tag, DWORD code) {
  out.push_back(tag);
  out.push_back(4);
  for (unsigned shift = 32; shift > 0; shift -= 8) out.push_back(low_byte(code >> (shift - 8)));
}

void append_property(Bytes& out, std::uint8_t tag, std::uint32_t value, std::uint8_t bytes) {
  out.push_back(tag);
  out.push_back(bytes);
  append_little_endian(out, value, bytes);
}

}  // namespace

Bytes feature_list(const CcidDescriptor& descriptor, bool escape_allowed) {
  Bytes out;
  if ((descriptor.pin_support & kPinVerification) != 0) {
    append_feature(out, FEATURE_VERIFY_PIN_DIRECT, kControlVerifyPin);
  }
  if ((descriptor.pin_support & kPinModification) != 0) {
    append_feature(out, FEATURE_MODIFY_PIN_DIRECT, kControlModifyPin);
  }
  if ((descriptor.pin_support & (kPinVerification | kPinModification)) != 0) {
    append_feature(out, FEATURE_IFD_PIN_PROPERTIES, kControlPinProperties);
  }
  append_feature(out, FEATURE_GET_TLV_PROPERTIES, kControlTlvProperties);
  if (escape_allowed) append_feature(out, FEATURE_CCID_ESC_COMMAND, kControlEscape);
  return out;
}

Bytes pin_properties(const CcidDescriptor& descriptor) {
  Bytes out;
  append_little_endian(out, descriptor.lcd_layout, 2);
  out.push_back(kAnyValidation);
  out.push_back(kNoTimeout2);
  return out;
}

Bytes tlv_properties(const UsbInterface& interface, bool escape_allowed) {
  const std::uint16_t layout = interface.descriptor.lcd_layout;
  const bool takes_extended = interface.descriptor.level() != ExchangeLevel::short_apdu;
  Bytes out;
  append_property(out, PCSCv2_PART10_PROPERTY_wLcdLayout, layout, 2);
  if (layout != 0) {
    append_property(out, PCSCv2_PART10_PROPERTY_wLcdMaxCharacters, layout & 0xFFU, 2);
    append_property(out, PCSCv2_PART10_PROPERTY_wLcdMaxLines, layout >> 8U, 2);
  }
  append_property(out, PCSCv2_PART10_PROPERTY_bTimeOut2, kNoTimeout2, 1);
  append_property(out, PCSCv2_PART10_PROPERTY_bPPDUSupport, escape_allowed ? 1 : 0, 1);
  append_property(out, PCSCv2_PART10_PROPERTY_wIdVendor, interface.vendor_id, 2);
  append_property(out, PCSCv2_PART10_PROPERTY_wIdProduct, interface.product_id, 2);
  append_property(out, PCSCv2_PART10_PROPERTY_dwMaxAPDUDataSize,
                  takes_extended ? kExtendedApduBytes : 0, 4);
  return out;
}

}  // namespace cardea::ccid
