// The doctor: USB readers. Is there a driver, and may the daemon open them? What holds them?
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "drivers/driver_bundle.hpp"
#include "tools/pcscctl/doctor/checks.hpp"

namespace cardea::ctl {
namespace {

constexpr const char* kDevices = "/sys/bus/usb/devices";
constexpr const char* kSmartCardClass = "0b";
/// Drivers of the kernel's NFC stack: they take readers before pcscd can.
constexpr std::array kNfcDrivers{"pn533_usb", "pn533", "port100", "nfcmrvl_usb"};

struct UsbReader {
  std::string place;  ///< "1-2"
  std::uint16_t vendor = 0;
  std::uint16_t product = 0;
  std::string name;
  std::string node;            ///< "/dev/bus/usb/001/004"
  bool is_smart_card = false;  ///< an interface of the class
  bool is_listed = false;      ///< by a bundle
  std::string kernel_driver;   ///< of an interface: one of kNfcDrivers

  [[nodiscard]] std::string described() const {
    std::array<char, 16> ids{};
    std::snprintf(ids.data(), ids.size(), "%04X:%04X", unsigned{vendor}, unsigned{product});
    return (name.empty() ? "a device" : "\"" + name + "\"") + " (" + ids.data() + ", at USB " +
           place + ")";
  }
};

unsigned number(const std::string& text, int base) {
  return static_cast<unsigned>(std::strtoul(text.c_str(), nullptr, base));
}

std::vector<UsbReader> usb_devices(const Host& host) {
  std::vector<UsbReader> found;
  const std::vector<std::string> names = host.list(kDevices);
  for (const std::string& place : names) {
    const std::string directory = std::string(kDevices) + "/" + place;
    const std::string vendor = host.read(directory + "/idVendor");
    if (vendor.empty()) continue;
    UsbReader device;
    device.place = place;
    device.vendor = static_cast<std::uint16_t>(number(vendor, 16));
    device.product = static_cast<std::uint16_t>(number(host.read(directory + "/idProduct"), 16));
    device.name = host.read(directory + "/product");
    std::array<char, 40> node{};
    std::snprintf(node.data(), node.size(), "/dev/bus/usb/%03u/%03u",
                  number(host.read(directory + "/busnum"), 10),
                  number(host.read(directory + "/devnum"), 10));
    device.node = node.data();
    for (const std::string& interface : names) {
      if (!interface.starts_with(place + ":")) continue;
      const std::string below = std::string(kDevices) + "/" + interface;
      if (host.read(below + "/bInterfaceClass") == kSmartCardClass) device.is_smart_card = true;
      const std::string driver = host.link(below + "/driver");
      const std::string driver_name = driver.substr(driver.rfind('/') + 1);
      for (const char* nfc : kNfcDrivers) {
        if (driver_name == nfc) device.kernel_driver = nfc;
      }
    }
    found.push_back(std::move(device));
  }
  return found;
}

bool lists(const DriverBundle& bundle, const UsbReader& device) {
  for (const UsbReaderEntry& entry : bundle.readers) {
    if (entry.vendor == device.vendor && entry.product == device.product) return true;
  }
  return false;
}

std::vector<UsbReader> usb_readers(const Host& host) {
  std::vector<UsbReader> devices = usb_devices(host);
  const DriverBundles loaded = load_driver_bundles(host.at(host.bundles));
  for (UsbReader& device : devices) {
    for (const DriverBundle& bundle : loaded.bundles) {
      device.is_listed = device.is_listed || lists(bundle, device);
    }
  }
  std::erase_if(devices, [](const UsbReader& device) {
    return !device.is_listed && !device.is_smart_card && device.kernel_driver.empty();
  });
  return devices;
}

struct User {
  std::string name = "root";
  uid_t uid = 0;
  std::vector<gid_t> groups{0};
};

std::vector<std::string> fields(const std::string& line, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(line);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

/// As whom the daemon runs: as the one that does, else as the user made for it, else as root.
User daemon_user(const Host& host) {
  std::optional<uid_t> running;
  for (const Process& process : host.processes()) {
    if (process.name == "pcscd") running = process.uid;
  }
  User user;
  for (const std::string& line : fields(host.read("/etc/passwd"), '\n')) {
    const auto parts = fields(line, ':');
    constexpr std::size_t kPartsMin = 4;
    if (parts.size() < kPartsMin) continue;
    const uid_t uid = number(parts[2], 10);
    if (running ? uid == *running : parts[0] == "pcscd") {
      user = {parts[0], uid, {number(parts[3], 10)}};
    }
  }
  for (const std::string& line : fields(host.read("/etc/group"), '\n')) {
    const auto parts = fields(line, ':');
    constexpr std::size_t kPartsMin = 4;
    if (parts.size() < kPartsMin) continue;
    const auto members = fields(parts[3], ',');
    if (std::find(members.begin(), members.end(), user.name) != members.end()) {
      user.groups.push_back(number(parts[2], 10));
    }
  }
  return user;
}

bool may_open(const User& user, const struct stat& node) {
  if (user.uid == 0) return true;
  constexpr mode_t kBoth = 6;
  const auto has = [&node](unsigned shift) { return ((node.st_mode >> shift) & kBoth) == kBoth; };
  if (node.st_uid == user.uid) return has(6);
  const bool member =
      std::find(user.groups.begin(), user.groups.end(), node.st_gid) != user.groups.end();
  return has(member ? 3 : 0);
}

void check_node(const Host& host, const UsbReader& reader, const User& user, Findings& found) {
  struct stat node {};
  if (::stat(host.at(reader.node).c_str(), &node) != 0) {
    found.push_back({Verdict::fault, "usb-no-node",
                     reader.described() + " has no device node " + reader.node,
                     "is /dev/bus/usb there, and does udev run? In a container: pass the device "
                     "into it"});
  } else if (!may_open(user, node)) {
    found.push_back({Verdict::fault, "usb-not-allowed",
                     "the daemon's user " + user.name + " may not open " + reader.described() +
                         ": " + reader.node,
                     "install the udev rule of the daemon or the driver (92-cardea-pcscd.rules), "
                     "then udevadm control --reload && udevadm trigger --subsystem-match=usb; or "
                     "replug the reader"});
  }
}

}  // namespace

Findings check_usb_readers(const Host& host) {
  Findings found;
  const User user = daemon_user(host);
  const std::vector<UsbReader> readers = usb_readers(host);
  if (readers.empty()) {
    return {{Verdict::note, "usb-none", "no USB reader is plugged in",
             "if one is: look for it with lsusb, try another cable or socket"}};
  }
  for (const UsbReader& reader : readers) {
    const std::size_t before = found.size();
    if (!reader.is_listed) {
      found.push_back({Verdict::fault, "usb-no-driver",
                       "no driver bundle lists " + reader.described(),
                       "install the driver of its maker, or a newer libccid; for readers of the "
                       "CCID class, pcscd --generic-ccid"});
    }
    check_node(host, reader, user, found);
    if (found.size() > before) continue;
    found.push_back({Verdict::good, "usb", reader.described() + " has a driver", ""});
  }
  return found;
}

Findings check_rivals(const Host& host) {
  Findings found;
  for (const UsbReader& reader : usb_readers(host)) {
    if (reader.kernel_driver.empty()) continue;
    found.push_back(
        {Verdict::fault, "rival-kernel",
         "the kernel's driver " + reader.kernel_driver + " has taken " + reader.described(),
         "modprobe -r " + reader.kernel_driver + ", and for good: echo 'blacklist " +
             reader.kernel_driver + "' > /etc/modprobe.d/no-nfc.conf"});
  }
  for (const Process& process : host.processes()) {
    if (process.name != "scdaemon") continue;
    const std::string directory = "/proc/" + std::to_string(process.pid) + "/fd";
    for (const std::string& name : host.list(directory)) {
      const std::string target = host.link(directory + "/" + name);
      if (!target.starts_with("/dev/bus/usb/")) continue;
      found.push_back({Verdict::fault, "rival-scdaemon",
                       "GnuPG's scdaemon (pid " + std::to_string(process.pid) +
                           ") has taken the USB reader at " + target + " for itself",
                       "echo disable-ccid >> ~/.gnupg/scdaemon.conf && gpgconf --kill scdaemon: "
                       "then it uses pcscd"});
      break;
    }
  }
  if (found.empty()) found.push_back({Verdict::good, "rivals", "nobody else keeps a reader", ""});
  return found;
}

}  // namespace cardea::ctl
