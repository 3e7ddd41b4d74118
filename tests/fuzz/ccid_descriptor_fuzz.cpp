// Whatever a USB device says in the descriptors behind its interface: what the driver takes of it
// makes sense, and what IFDHControl() tells of it is well-formed.
#include "base/assert.hpp"
#include "drivers/ccid/ccid_descriptor.hpp"
#include "drivers/ccid/ccid_message.hpp"
#include "drivers/ccid/features.hpp"
#include "tests/fuzz/input.hpp"

namespace {

using cardea::ccid::Bytes;

/// Records of tag, length and value, one behind the other.
void check_records(const Bytes& records) {
  std::size_t at = 0;
  while (at < records.size()) {
    CARDEA_ASSERT(records.size() - at >= 2);
    at += 2U + records[at + 1];
  }
  CARDEA_ASSERT(at == records.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cardea::fuzz::Input input(data, size);
  const bool escape = input.below(2) != 0;
  const auto descriptor = cardea::ccid::parse_class_descriptor(input.rest());
  if (!descriptor) return 0;
  CARDEA_ASSERT(size > cardea::ccid::kClassDescriptorBytes);
  CARDEA_ASSERT(descriptor->slots >= 1);
  CARDEA_ASSERT(descriptor->max_data_bytes() >= 1);
  CARDEA_ASSERT(descriptor->max_data_bytes() + cardea::ccid::kHeaderBytes <=
                cardea::ccid::kMessageBytesMax);
  const Bytes features = cardea::ccid::feature_list(*descriptor, escape);
  check_records(features);
  CARDEA_ASSERT(features.size() <= cardea::ccid::kFeatureListRoomMin);
  CARDEA_ASSERT(!cardea::ccid::pin_properties(*descriptor).empty());
  cardea::ccid::UsbInterface interface;
  interface.descriptor = *descriptor;
  check_records(cardea::ccid::tlv_properties(interface, escape));
  return 0;
}
