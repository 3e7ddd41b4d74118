#include "tests/fakes/usb/usb_tree.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "tests/fakes/usb/usbfs_handler.hpp"

namespace cardea::usb_fake {
namespace {

tl::unexpected<Error> bad(std::string text) {
  return failure(ScardRv::invalid_parameter, std::move(text));
}

std::string root_of(UMockdevTestbed* bed) {
  gchar* folder = umockdev_testbed_get_root_dir(bed);
  std::string text(folder);
  g_free(folder);
  return text;
}

bool is_port_number(std::string_view text) {
  return !text.empty() && text.size() <= 2 && text[0] != '0' &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// "B-P[.P...]" with one digit for the bus.
bool is_port(std::string_view port) {
  if (port.size() < 3 || port[0] < '1' || port[0] > '9' || port[1] != '-') return false;
  std::size_t depth = 0;
  for (std::string_view rest = port.substr(2);; ++depth) {
    const std::size_t dot = rest.find('.');
    if (!is_port_number(rest.substr(0, dot))) return false;
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  return depth < UsbTree::kDepthMax;
}

unsigned bus_of(std::string_view port) { return static_cast<unsigned>(port[0] - '0'); }

std::string parent_of(std::string_view port) {
  const std::size_t dot = port.rfind('.');
  if (dot != std::string_view::npos) return std::string(port.substr(0, dot));
  return "usb" + std::string(port.substr(0, 1));
}

DeviceSpec hub_spec(bool is_root) {
  DeviceSpec spec;
  spec.vendor_id = is_root ? 0x1D6B : 0x0409;
  spec.product_id = is_root ? 0x0002 : 0x005A;
  spec.product = "Emulated hub";
  spec.interfaces = {{InterfaceKind::other, ""}};
  spec.is_hub = true;
  return spec;
}

}  // namespace

UsbTree::UsbTree(UMockdevTestbed* bed) : bed_(bed), sysfs_(root_of(bed)) {}

Result<Place> UsbTree::add(std::string_view port, const DeviceSpec& spec) {
  if (!is_port(port)) return bad("not a port such as 1-1.2");
  if (nodes_.contains(port)) return bad("there is a device at this port");
  if (const Result<void> parents = make_parents(port); !parents) {
    return tl::make_unexpected(parents.error());
  }
  const Result<unsigned> number = next_number(bus_of(port));
  if (!number) return tl::make_unexpected(number.error());
  if (const Result<void> plugged = plug(port, spec, *number); !plugged) {
    return tl::make_unexpected(plugged.error());
  }
  return *place_of(port);
}

Result<void> UsbTree::make_parents(std::string_view port) {
  const std::string parent = parent_of(port);
  if (nodes_.contains(parent)) return {};
  const bool is_root = parent.starts_with("usb");
  if (!is_root) {
    if (const Result<void> above = make_parents(parent); !above) return above;
  }
  const Result<unsigned> number = next_number(bus_of(port));
  if (!number) return tl::make_unexpected(number.error());
  return plug(parent, hub_spec(is_root), *number);
}

Result<void> UsbTree::plug(std::string_view port, const DeviceSpec& spec, unsigned number) {
  Node node;
  node.spec = spec;
  node.place.name = port;
  node.place.number = number;
  if (port.starts_with("usb")) {
    node.place.bus = bus_of(port.substr(3));
  } else {
    node.place.bus = bus_of(port);
    node.place.parent = nodes_.find(parent_of(port))->second.place.path();
  }
  attach(node);
  sysfs_.write(node.place, spec);
  const auto added = nodes_.insert_or_assign(std::string(port), std::move(node)).first;
  if (!spec.announced) return {};
  announce(added->second, "add");
  announce_interfaces(added->second, "add");
  return {};
}

/// Before anybody can see the device, its handler has to listen.
void UsbTree::attach(Node& node) {
  node.device = std::make_shared<UsbDevice>(node.spec);
  std::erase_if(ever_, [](const auto& device) { return device.expired(); });
  ever_.push_back(node.device);
  std::shared_ptr<DeviceNode>& door = doors_[node.place.node()];
  if (door) return door->replace(node.device);
  door = std::make_shared<DeviceNode>(node.device);
  UMockdevIoctlBase* handler = make_usbfs_handler(door);
  umockdev_testbed_attach_ioctl(bed_, node.place.node().c_str(), handler, nullptr);
  g_object_unref(handler);
}

Result<void> UsbTree::remove(std::string_view port, bool announced) {
  const auto found = nodes_.find(port);
  if (found == nodes_.end()) return bad("there is no device at this port");
  // What hangs on it goes first; a child's port begins with the parent's and a dot.
  const std::string prefix = std::string(port) + ".";
  while (true) {
    const auto child = std::ranges::find_if(
        nodes_, [&prefix](const auto& entry) { return entry.first.starts_with(prefix); });
    if (child == nodes_.end()) break;
    const std::string name = child->first;
    if (const Result<void> gone = remove(name, announced); !gone) return gone;
  }
  unplug(found->second, announced);
  nodes_.erase(found);
  return {};
}

/// The events come while the files are still there: umockdev reads them.
void UsbTree::unplug(const Node& node, bool announced) {
  node.device->disconnect();
  if (announced) {
    announce_interfaces(node, "remove");
    announce(node, "remove");
  }
  sysfs_.erase(node.place, node.spec);
}

Result<Place> UsbTree::reset(std::string_view port, bool new_number, ResetEvents events) {
  const auto found = nodes_.find(port);
  if (found == nodes_.end()) return bad("there is no device at this port");
  Node& node = found->second;
  if (!new_number && events != ResetEvents::readd) {
    (void)node.device->port_reset();
    if (events == ResetEvents::rebind) {
      announce_interfaces(node, "unbind");
      announce_interfaces(node, "bind");
    }
    return node.place;
  }
  if (std::ranges::any_of(nodes_, [&](const auto& entry) {
        return entry.first.starts_with(std::string(port) + ".");
      })) {
    return bad("something hangs on it");
  }
  DeviceSpec spec = node.spec;
  Result<unsigned> number = node.place.number;
  if (new_number) number = next_number(node.place.bus);
  if (!number) return tl::make_unexpected(number.error());
  unplug(node, events == ResetEvents::readd);
  nodes_.erase(found);
  spec.announced = events == ResetEvents::readd;
  if (const Result<void> plugged = plug(port, spec, *number); !plugged) {
    return tl::make_unexpected(plugged.error());
  }
  const Node& replaced = nodes_.find(port)->second;
  if (events == ResetEvents::rebind) {
    announce_interfaces(replaced, "unbind");
    announce_interfaces(replaced, "bind");
  }
  return replaced.place;
}

Result<void> UsbTree::send(std::string_view port, const std::string& action) const {
  const auto found = nodes_.find(port);
  if (found == nodes_.end()) return bad("there is no device at this port");
  announce(found->second, action.c_str());
  announce_interfaces(found->second, action.c_str());
  return {};
}

Result<void> UsbTree::write_node(std::string_view port) const {
  const auto found = nodes_.find(port);
  if (found == nodes_.end()) return bad("there is no device at this port");
  sysfs_.write_node(found->second.place);
  return {};
}

std::shared_ptr<UsbDevice> UsbTree::find(std::string_view port) const {
  const auto found = nodes_.find(port);
  return found == nodes_.end() ? nullptr : found->second.device;
}

const Place* UsbTree::place_of(std::string_view port) const {
  const auto found = nodes_.find(port);
  return found == nodes_.end() ? nullptr : &found->second.place;
}

UsbTree::Totals UsbTree::totals() const {
  Totals totals;
  totals.devices = static_cast<std::size_t>(
      std::ranges::count_if(nodes_, [](const auto& entry) { return !entry.second.spec.is_hub; }));
  for (const auto& weak : ever_) {
    if (const auto device = weak.lock()) totals.unanswered += device->counters().unanswered;
  }
  return totals;
}

Result<unsigned> UsbTree::next_number(unsigned bus) {
  unsigned& last = last_numbers_[bus];
  for (unsigned tried = 0; tried < kNumberMax; ++tried) {
    last = last % kNumberMax + 1;
    const bool is_taken = std::ranges::any_of(nodes_, [&](const auto& entry) {
      return entry.second.place.bus == bus && entry.second.place.number == last;
    });
    if (!is_taken) return last;
  }
  return bad("no device number is free on this bus");
}

void UsbTree::announce(const Node& node, const char* action) const {
  umockdev_testbed_uevent(bed_, node.place.syspath().c_str(), action);
}

void UsbTree::announce_interfaces(const Node& node, const char* action) const {
  for (unsigned index = 0; index < node.spec.interfaces.size(); ++index) {
    const std::string path = node.place.syspath() + "/" + node.place.interface_name(index);
    umockdev_testbed_uevent(bed_, path.c_str(), action);
  }
}

}  // namespace cardea::usb_fake
