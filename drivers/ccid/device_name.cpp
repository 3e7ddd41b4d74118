#include "drivers/ccid/device_name.hpp"

#include <charconv>

namespace cardea::ccid {
namespace {

constexpr unsigned kIdMax = 0xFFFF;
constexpr unsigned kBusMax = 0xFFFF;
constexpr unsigned kInterfaceMax = 255;

/// Takes the expected text or a number off the front of what is left.
class NameReader {
 public:
  explicit NameReader(std::string_view text) : rest_(text) {}

  bool take(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }

  bool number(unsigned& value, int base, unsigned max) {
    const char* const begin = rest_.data();
    const auto [end, error] = std::from_chars(begin, begin + rest_.size(), value, base);
    if (error != std::errc() || value > max) return false;
    rest_.remove_prefix(static_cast<std::size_t>(end - begin));
    return true;
  }

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

bool read_place(NameReader& reader, DeviceName& name) {
  if (reader.take("libudev:")) {
    return reader.number(name.interface, 10, kInterfaceMax) && reader.take(":/dev/bus/usb/") &&
           reader.number(name.bus, 10, kBusMax) && reader.take("/") &&
           reader.number(name.address, 10, kBusMax);
  }
  name.interface_is_index = true;
  return reader.take("libusb-1.0:") && reader.number(name.bus, 10, kBusMax) && reader.take(":") &&
         reader.number(name.address, 10, kBusMax) && reader.take(":") &&
         reader.number(name.interface, 10, kInterfaceMax);
}

}  // namespace

std::optional<DeviceName> parse_device_name(std::string_view name) {
  NameReader reader(name);
  DeviceName parsed;
  unsigned vendor = 0;
  unsigned product = 0;
  const bool ids_read = reader.take("usb:") && reader.number(vendor, 16, kIdMax) &&
                        reader.take("/") && reader.number(product, 16, kIdMax) && reader.take(":");
  if (!ids_read || !read_place(reader, parsed) || !reader.at_end()) return std::nullopt;
  parsed.vendor_id = static_cast<std::uint16_t>(vendor);
  parsed.product_id = static_cast<std::uint16_t>(product);
  return parsed;
}

}  // namespace cardea::ccid
