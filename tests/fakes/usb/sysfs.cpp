#include "tests/fakes/usb/sysfs.hpp"

#include <fmt/format.h>

#include <fstream>
#include <string_view>
#include <utility>

#include "tests/fakes/usb/descriptors.hpp"

namespace cardea::usb_fake {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kUsbMajor = 189;
constexpr unsigned kMinorsPerBus = 128;
constexpr std::size_t kInterfaceDescriptorBytes = 9;

void write_file(const fs::path& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

void write_line(const fs::path& folder, const char* name, std::string_view value) {
  write_file(folder / name, fmt::format("{}\n", value));
}

std::string product_of(const DeviceSpec& spec) {
  return fmt::format("PRODUCT={:x}/{:x}/100\n", spec.vendor_id, spec.product_id);
}

std::string device_properties(const Place& place, const DeviceSpec& spec) {
  std::string text = fmt::format(
      "MAJOR={}\nMINOR={}\nDEVNAME={}\nDEVTYPE=usb_device\nDRIVER=usb\n{}TYPE={}/0/0\n"
      "BUSNUM={:03}\nDEVNUM={:03}\n",
      kUsbMajor, (place.bus - 1) * kMinorsPerBus + place.number - 1, place.node(), product_of(spec),
      spec.is_hub ? 9 : 0, place.bus, place.number);
  if (spec.ignored) text += "PCSCLITE_IGNORE=1\n";
  return text;
}

/// The interface descriptor number `index` within the configuration.
Bytes interface_descriptor(const DeviceSpec& spec, unsigned index) {
  constexpr std::uint8_t kTypeInterface = 4;
  const Bytes all = configuration_descriptor(spec);
  for (std::size_t at = 0; at + kInterfaceDescriptorBytes <= all.size(); at += all[at]) {
    if (all[at + 1] == kTypeInterface && all[at + 2] == index) {
      const auto start = all.begin() + static_cast<Bytes::difference_type>(at);
      return {start, start + kInterfaceDescriptorBytes};
    }
  }
  throw std::logic_error("no such interface");
}

}  // namespace

std::string Place::path() const { return parent.empty() ? name : parent + "/" + name; }
std::string Place::syspath() const { return "/sys/devices/" + path(); }
std::string Place::node() const { return fmt::format("/dev/bus/usb/{:03}/{:03}", bus, number); }
std::string Place::interface_name(unsigned index) const {
  return fmt::format("{}:1.{}", parent.empty() ? fmt::format("{}-0", bus) : name, index);
}

void Sysfs::write(const Place& place, const DeviceSpec& spec) const {
  const fs::path dir = folder(place);
  fs::create_directories(dir);
  write_file(dir / "uevent", device_properties(place, spec));
  write_line(dir, "busnum", fmt::to_string(place.bus));
  write_line(dir, "devnum", fmt::to_string(place.number));
  write_line(dir, "devpath",
             place.parent.empty() ? "0" : place.name.substr(place.name.find('-') + 1));
  write_line(dir, "dev",
             fmt::format("{}:{}", kUsbMajor, (place.bus - 1) * kMinorsPerBus + place.number - 1));
  write_line(dir, "speed", spec.is_hub ? "480" : "12");
  write_line(dir, "version", " 2.00");
  write_line(dir, "maxchild", spec.is_hub ? "8" : "0");
  write_line(dir, "bConfigurationValue", "1");
  write_line(dir, "bNumConfigurations", "1");
  write_line(dir, "bNumInterfaces", fmt::format("{:2}", spec.interfaces.size()));
  write_line(dir, "idVendor", fmt::format("{:04x}", spec.vendor_id));
  write_line(dir, "idProduct", fmt::format("{:04x}", spec.product_id));
  write_line(dir, "bcdDevice", "0100");
  write_line(dir, "bDeviceClass", spec.is_hub ? "09" : "00");
  write_line(dir, "bDeviceSubClass", "00");
  write_line(dir, "bDeviceProtocol", "00");
  const std::pair<const char*, const std::string*> strings[] = {
      {"manufacturer", &spec.manufacturer}, {"product", &spec.product}, {"serial", &spec.serial}};
  for (const auto& [name, text] : strings) {
    if (!text->empty()) write_line(dir, name, *text);
  }
  Bytes descriptors = device_descriptor(spec);
  const Bytes configuration = configuration_descriptor(spec);
  descriptors.insert(descriptors.end(), configuration.begin(), configuration.end());
  write_file(dir / "descriptors",
             {reinterpret_cast<const char*>(descriptors.data()), descriptors.size()});
  for (unsigned index = 0; index < spec.interfaces.size(); ++index) {
    write_interface(place, spec, index);
  }
  if (spec.has_node) write_node(place);
  link_into_bus(place.name, dir);
}

void Sysfs::write_interface(const Place& place, const DeviceSpec& spec, unsigned index) const {
  const std::string name = place.interface_name(index);
  const fs::path dir = folder(place) / name;
  const Bytes descriptor = interface_descriptor(spec, index);
  fs::create_directories(dir);
  write_file(dir / "uevent",
             fmt::format("DEVTYPE=usb_interface\n{}TYPE=0/0/0\nINTERFACE={}/{}/{}\n",
                         product_of(spec), descriptor[5], descriptor[6], descriptor[7]));
  write_line(dir, "bInterfaceNumber", fmt::format("{:02x}", descriptor[2]));
  write_line(dir, "bAlternateSetting", " 0");
  write_line(dir, "bNumEndpoints", fmt::format("{:02x}", descriptor[4]));
  write_line(dir, "bInterfaceClass", fmt::format("{:02x}", descriptor[5]));
  write_line(dir, "bInterfaceSubClass", fmt::format("{:02x}", descriptor[6]));
  write_line(dir, "bInterfaceProtocol", fmt::format("{:02x}", descriptor[7]));
  const std::string& text = spec.interfaces[index].name;
  if (!text.empty()) write_line(dir, "interface", text);
  link_into_bus(name, dir);
}

void Sysfs::write_node(const Place& place) const {
  const fs::path node = root_ / place.node().substr(1);
  fs::create_directories(node.parent_path());
  write_file(node, "");
}

void Sysfs::erase(const Place& place, const DeviceSpec& spec) const {
  for (unsigned index = 0; index < spec.interfaces.size(); ++index) {
    fs::remove(bus_link(place.interface_name(index)));
  }
  fs::remove(bus_link(place.name));
  fs::remove_all(folder(place));
  fs::remove(root_ / place.node().substr(1));
}

void Sysfs::link_into_bus(const std::string& name, const fs::path& dir) const {
  const fs::path bus = root_ / "sys/bus/usb";
  fs::create_directories(bus / "devices");
  fs::create_symlink(fs::relative(bus, dir), dir / "subsystem");
  fs::create_symlink(fs::relative(dir, bus / "devices"), bus_link(name));
}

fs::path Sysfs::folder(const Place& place) const { return root_ / "sys/devices" / place.path(); }

fs::path Sysfs::bus_link(const std::string& name) const {
  return root_ / "sys/bus/usb/devices" / name;
}

}  // namespace cardea::usb_fake
