// The descriptors of an emulated device, byte for byte as it would send them (USB 2.0 chapter 9,
// CCID 1.10 chapter 5.1), and which endpoint belongs to which interface. Pure functions.
#pragma once

#include <cstdint>
#include <optional>

#include "drivers/virtual/bytes.hpp"
#include "tests/fakes/usb/device_spec.hpp"

namespace cardea::usb_fake {

using virtual_reader::Bytes;
using virtual_reader::ByteView;

enum class EndpointRole { bulk_out, bulk_in, interrupt_in };

struct Endpoint {
  unsigned interface = 0;  ///< index into DeviceSpec::interfaces
  EndpointRole role = EndpointRole::bulk_out;
};

Bytes device_descriptor(const DeviceSpec& spec);
/// Configuration, interfaces, class descriptors and endpoints in one piece.
Bytes configuration_descriptor(const DeviceSpec& spec);
/// Empty: there is no string of this index.
Bytes string_descriptor(const DeviceSpec& spec, unsigned index);

/// Nothing if no interface has this endpoint address.
std::optional<Endpoint> endpoint_of(const DeviceSpec& spec, std::uint8_t address);

void append_u16(Bytes& bytes, unsigned value);
void append_u32(Bytes& bytes, std::uint32_t value);

}  // namespace cardea::usb_fake
