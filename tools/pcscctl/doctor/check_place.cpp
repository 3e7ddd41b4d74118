// The doctor: the surroundings of the daemon: polkit, virtual machines, containers.
#include <algorithm>
#include <array>

#include "tools/pcscctl/doctor/checks.hpp"

namespace cardea::ctl {
namespace {

constexpr std::array kPolkitDaemons{"/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd",
                                    "/usr/libexec/polkit-1/polkitd"};
/// Not below /usr/local: polkit of Debian 12 does not look there.
constexpr const char* kPolkitActions = "/usr/share/polkit-1/actions";
constexpr std::array kPolkitRules{"/etc/polkit-1/rules.d", "/usr/share/polkit-1/rules.d"};

/// polkit refuses actions that it does not know.
bool has_policy(const Host& host) {
  const std::vector<std::string> names = host.list(kPolkitActions);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    const std::string text = host.read(std::string(kPolkitActions) + "/" + name);
    return text.find("org.debian.pcsc-lite.access_pcsc") != std::string::npos;
  });
}

bool is_virtual_machine(const Host& host) {
  static constexpr std::array kVendors{"QEMU", "VMware",   "innotek", "Microsoft Corporation",
                                       "Xen",  "Parallels"};
  const std::string vendor = host.read("/sys/class/dmi/id/sys_vendor");
  const std::string product = host.read("/sys/class/dmi/id/product_name");
  const bool listed = std::any_of(kVendors.begin(), kVendors.end(), [&](const char* name) {
    return vendor.find(name) != std::string::npos;
  });
  // Microsoft also sells real computers.
  if (vendor.starts_with("Microsoft")) return product == "Virtual Machine";
  return listed;
}

}  // namespace

Findings check_polkit(const Host& host) {
  const auto exists = [&](const char* path) { return host.exists(path); };
  const bool there = std::any_of(kPolkitDaemons.begin(), kPolkitDaemons.end(), exists);
  if (there && !has_policy(host)) {
    return {{Verdict::fault, "polkit-no-policy",
             "polkit is installed, but not pcscd's policy: only root is let in",
             "install org.debian.pcsc-lite.policy into /usr/share/polkit-1/actions (package "
             "cardea-pcscd), or run pcscd with --disable-polkit"}};
  }
  std::string rules;
  for (const std::string directory : kPolkitRules) {
    for (const std::string& name : host.list(directory)) {
      const std::string path = directory + "/" + name;
      if (host.read(path).find("org.debian.pcsc-lite") == std::string::npos) continue;
      rules += (rules.empty() ? "" : ", ") + path;
    }
  }
  if (!rules.empty() && !there) {
    return {{Verdict::warning, "polkit-missing",
             "there are rules for smart cards, but polkit is not installed: " + rules,
             "install polkitd, or remove the rules"}};
  }
  if (!rules.empty()) {
    return {{Verdict::note, "polkit-rules", "rules for smart cards: " + rules,
             "if a program gets SCARD_W_SECURITY_VIOLATION, look there and at journalctl -u "
             "pcscd"}};
  }
  const std::string text = there ? "polkit is there, without rules for smart cards"
                                 : "polkit is not installed, and no rule needs it";
  return {{Verdict::good, "polkit", text, ""}};
}

Findings check_place(const Host& host) {
  const std::string kernel = host.read("/proc/sys/kernel/osrelease");
  if (kernel.find("microsoft") != std::string::npos) {
    return {{Verdict::note, "place-wsl", "this is Windows' subsystem for Linux",
             "readers reach it with usbipd: usbipd bind and usbipd attach --wsl --busid ID, in "
             "Windows; replug or attach again after a restart"}};
  }
  if (host.exists("/.dockerenv") || host.exists("/run/.containerenv")) {
    return {{Verdict::note, "place-container", "this is a container",
             "to use the readers of the host, mount its directory /run/pcscd into the container"}};
  }
  if (is_virtual_machine(host)) {
    return {{Verdict::note, "place-vm", "this is a virtual machine",
             "readers reach it only if the host redirects them: as a USB device, or as a virtual "
             "smart card"}};
  }
  return {{Verdict::good, "place", "a machine of its own", ""}};
}

const std::vector<Check>& all_checks() {
  static const std::vector<Check> kChecks{
      {"socket", check_socket},           {"systemd", check_units},
      {"daemon", check_daemon},           {"library", check_libraries},
      {"drivers", check_bundles},         {"reader.conf", check_reader_conf},
      {"USB readers", check_usb_readers}, {"rivals", check_rivals},
      {"polkit", check_polkit},           {"refusals", check_refusals},
      {"surroundings", check_place},
  };
  return kChecks;
}

}  // namespace cardea::ctl
