#include "tests/fakes/usb/descriptors.hpp"

#include <string>

namespace cardea::usb_fake {
namespace {

constexpr std::uint8_t kTypeDevice = 1;
constexpr std::uint8_t kTypeConfiguration = 2;
constexpr std::uint8_t kTypeString = 3;
constexpr std::uint8_t kTypeInterface = 4;
constexpr std::uint8_t kTypeEndpoint = 5;
constexpr std::uint8_t kTypeCcid = 0x21;

constexpr std::uint8_t kClassHid = 0x03;
constexpr std::uint8_t kClassHub = 0x09;
constexpr std::uint8_t kClassCcid = 0x0B;
constexpr std::uint8_t kClassVideo = 0x0E;
constexpr std::uint8_t kClassVendor = 0xFF;

constexpr unsigned kManufacturerIndex = 1;
constexpr unsigned kProductIndex = 2;
constexpr unsigned kSerialIndex = 3;
constexpr unsigned kFirstInterfaceIndex = 4;
constexpr unsigned kEnglish = 0x0409;

constexpr std::uint8_t kDirectionIn = 0x80;
constexpr std::uint8_t kBulk = 2;
constexpr std::uint8_t kInterrupt = 3;

/// Automatic parameters, voltage, clock, baud rate and PPS; the exchange level comes on top.
constexpr std::uint32_t kFeatures = 0x000000BA;
constexpr std::uint32_t kFeatureTpdu = 0x00010000;
constexpr std::uint32_t kFeatureShortApdu = 0x00020000;
constexpr std::uint32_t kFeatureExtendedApdu = 0x00040000;
constexpr std::uint32_t kClockKhz = 4'000;
constexpr std::uint32_t kDataRate = 10'752;
constexpr std::uint32_t kDataRateMax = 344'086;
constexpr std::uint32_t kIfsdMax = 254;

std::uint8_t low_byte(unsigned value) { return static_cast<std::uint8_t>(value & 0xFFU); }

std::uint8_t bulk_address(unsigned interface) { return low_byte(2 * interface + 1); }
std::uint8_t interrupt_address(unsigned interface) { return low_byte(2 * interface + 2); }

std::uint8_t class_of(InterfaceKind kind) {
  switch (kind) {
    case InterfaceKind::ccid:
      return kClassCcid;
    case InterfaceKind::vendor_ccid:
      return kClassVendor;
    case InterfaceKind::hid:
      return kClassHid;
    case InterfaceKind::other:
      break;
  }
  return kClassVideo;
}

std::uint32_t level_feature(ExchangeLevel level) {
  if (level == ExchangeLevel::tpdu) return kFeatureTpdu;
  return level == ExchangeLevel::short_apdu ? kFeatureShortApdu : kFeatureExtendedApdu;
}

void append_ccid(Bytes& bytes, const DeviceSpec& spec) {
  bytes.insert(bytes.end(), {54, kTypeCcid, 0x10, 0x01, low_byte(spec.slots - 1), 7});
  append_u32(bytes, 3);  // T=0 and T=1
  append_u32(bytes, kClockKhz);
  append_u32(bytes, 2 * kClockKhz);
  bytes.push_back(0);  // no list of clocks
  append_u32(bytes, kDataRate);
  append_u32(bytes, kDataRateMax);
  bytes.push_back(0);  // no list of rates
  append_u32(bytes, kIfsdMax);
  append_u32(bytes, 0);  // no synchronous protocols
  append_u32(bytes, 0);  // no mechanics
  append_u32(bytes, kFeatures | level_feature(spec.level));
  append_u32(bytes, spec.message_bytes_of_level());
  bytes.insert(bytes.end(), {0xFF, 0xFF, 0, 0});  // classes as in the APDU; no display
  bytes.push_back(spec.pinpad ? 3 : 0);           // PIN verification and modification
  bytes.push_back(1);                             // one busy slot
}

void append_endpoint(Bytes& bytes, std::uint8_t address, std::uint8_t type) {
  const bool is_bulk = type == kBulk;
  bytes.insert(bytes.end(), {7, kTypeEndpoint, address, type});
  append_u16(bytes, is_bulk ? 64 : 8);
  bytes.push_back(is_bulk ? 0 : 24);
}

void append_interface(Bytes& bytes, const DeviceSpec& spec, unsigned index) {
  const InterfaceSpec& interface = spec.interfaces[index];
  const bool is_reader = interface.is_reader();
  const unsigned name = interface.name.empty() ? 0 : kFirstInterfaceIndex + index;
  bytes.insert(bytes.end(),
               {9, kTypeInterface, low_byte(index), 0, low_byte(is_reader ? 3 : 1),
                spec.is_hub ? kClassHub : class_of(interface.kind), 0, 0, low_byte(name)});
  if (is_reader) {
    append_ccid(bytes, spec);
    append_endpoint(bytes, bulk_address(index), kBulk);
    append_endpoint(bytes, bulk_address(index) | kDirectionIn, kBulk);
  }
  append_endpoint(bytes, interrupt_address(index) | kDirectionIn, kInterrupt);
}

/// Strings in the commands are UTF-8; those tests use stay within U+07FF.
Bytes utf16_of(const std::string& text) {
  Bytes units;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto first = static_cast<std::uint8_t>(text[i]);
    const bool is_pair = (first & 0xE0U) == 0xC0U && i + 1 < text.size();
    if (is_pair) ++i;
    append_u16(units, is_pair ? (first & 0x1FU) << 6U | (static_cast<std::uint8_t>(text[i]) & 0x3FU)
                              : first);
  }
  return units;
}

}  // namespace

void append_u16(Bytes& bytes, unsigned value) {
  bytes.push_back(low_byte(value));
  bytes.push_back(low_byte(value >> 8U));
}

void append_u32(Bytes& bytes, std::uint32_t value) {
  append_u16(bytes, value & 0xFFFFU);
  append_u16(bytes, value >> 16U);
}

Bytes device_descriptor(const DeviceSpec& spec) {
  Bytes bytes = {18, kTypeDevice, 0x00, 0x02, spec.is_hub ? kClassHub : std::uint8_t{0}, 0, 0, 64};
  append_u16(bytes, spec.vendor_id);
  append_u16(bytes, spec.product_id);
  append_u16(bytes, 0x0100);
  const auto index_of = [](const std::string& text, unsigned index) {
    return low_byte(text.empty() ? 0 : index);
  };
  bytes.push_back(index_of(spec.manufacturer, kManufacturerIndex));
  bytes.push_back(index_of(spec.product, kProductIndex));
  bytes.push_back(index_of(spec.serial, kSerialIndex));
  bytes.push_back(1);  // one configuration
  return bytes;
}

Bytes configuration_descriptor(const DeviceSpec& spec) {
  Bytes bytes = {9,
                 kTypeConfiguration,
                 0,
                 0,
                 low_byte(static_cast<unsigned>(spec.interfaces.size())),
                 1,
                 0,
                 0x80,
                 50};
  for (unsigned index = 0; index < spec.interfaces.size(); ++index) {
    append_interface(bytes, spec, index);
  }
  bytes[2] = low_byte(static_cast<unsigned>(bytes.size()));
  bytes[3] = low_byte(static_cast<unsigned>(bytes.size() >> 8U));
  return bytes;
}

Bytes string_descriptor(const DeviceSpec& spec, unsigned index) {
  if (index == 0) return {4, kTypeString, low_byte(kEnglish), low_byte(kEnglish >> 8U)};
  std::string text;
  if (index == kManufacturerIndex) text = spec.manufacturer;
  if (index == kProductIndex) text = spec.product;
  if (index == kSerialIndex) text = spec.serial;
  if (index >= kFirstInterfaceIndex && index - kFirstInterfaceIndex < spec.interfaces.size()) {
    text = spec.interfaces[index - kFirstInterfaceIndex].name;
  }
  if (text.empty()) return {};
  const Bytes units = utf16_of(text);
  Bytes bytes = {low_byte(static_cast<unsigned>(units.size() + 2)), kTypeString};
  bytes.insert(bytes.end(), units.begin(), units.end());
  return bytes;
}

std::optional<Endpoint> endpoint_of(const DeviceSpec& spec, std::uint8_t address) {
  for (unsigned index = 0; index < spec.interfaces.size(); ++index) {
    if (address == (interrupt_address(index) | kDirectionIn)) {
      return Endpoint{index, EndpointRole::interrupt_in};
    }
    if (!spec.interfaces[index].is_reader()) continue;
    if (address == bulk_address(index)) return Endpoint{index, EndpointRole::bulk_out};
    if (address == (bulk_address(index) | kDirectionIn)) {
      return Endpoint{index, EndpointRole::bulk_in};
    }
  }
  return std::nullopt;
}

}  // namespace cardea::usb_fake
