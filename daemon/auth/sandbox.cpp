#include "daemon/auth/sandbox.hpp"

#include <algorithm>
#include <cctype>

#include "daemon/auth/flatpak_info.hpp"
#include "daemon/auth/proc_file.hpp"

namespace cardea::auth {
namespace {

constexpr std::size_t kCgroupBytesMax = 16 * 1024;
/// What people see of a container's id elsewhere.
constexpr std::size_t kShortIdChars = 12;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isxdigit(c) != 0; });
}

bool strip_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

bool strip_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// systemd writes bytes that have a meaning in unit names as \xHH.
std::string unescape(std::string_view name) {
  std::string plain;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool escaped =
        name.substr(i).starts_with("\\x") && i + 4 <= name.size() && is_hex(name.substr(i + 2, 2));
    if (escaped) {
      plain += static_cast<char>(std::stoi(std::string(name.substr(i + 2, 2)), nullptr, 16));
      i += 3;
    } else {
      plain += name[i];
    }
  }
  return plain;
}

std::string short_id(std::string_view id) {
  constexpr std::size_t kIdCharsLeast = 32;
  const bool is_number = id.size() >= kIdCharsLeast && is_hex(id);
  return std::string(is_number ? id.substr(0, kShortIdChars) : id);
}

/// app-flatpak-ID-NUMBER.scope
std::optional<Sandbox> as_flatpak(std::string_view unit) {
  if (!strip_prefix(unit, "app-flatpak-") || !strip_suffix(unit, ".scope")) return std::nullopt;
  return Sandbox{SandboxKind::flatpak, unescape(unit.substr(0, unit.rfind('-')))};
}

/// snap.NAME.APP... with .scope or .service
std::optional<Sandbox> as_snap(std::string_view unit) {
  if (!strip_suffix(unit, ".scope") && !strip_suffix(unit, ".service")) return std::nullopt;
  if (!strip_prefix(unit, "snap.")) return std::nullopt;
  return Sandbox{SandboxKind::snap, unescape(unit.substr(0, unit.find('.')))};
}

/// Scopes and services that container managers have systemd make.
std::optional<Sandbox> as_container_unit(std::string_view unit) {
  if (strip_prefix(unit, "systemd-nspawn@") && strip_suffix(unit, ".service")) {
    return Sandbox{SandboxKind::container, unescape(unit)};
  }
  if (!strip_suffix(unit, ".scope")) return std::nullopt;
  for (const std::string_view prefix :
       {"docker-", "libpod-", "cri-containerd-", "crio-", "machine-", "lxc-"}) {
    if (strip_prefix(unit, prefix))
      return Sandbox{SandboxKind::container, short_id(unescape(unit))};
  }
  return std::nullopt;
}

/// Groups of managers that do not ask systemd: a folder of theirs, and below it the container's.
std::optional<Sandbox> as_container_folder(std::string_view folder, std::string_view below) {
  for (const std::string_view name : {"docker", "lxc", "lxc.payload", "podman", "garden"}) {
    if (folder == name && !below.empty()) return Sandbox{SandboxKind::container, short_id(below)};
  }
  std::string_view name = folder;
  if (strip_prefix(name, "lxc.payload.")) return Sandbox{SandboxKind::container, std::string(name)};
  name = folder;
  if (strip_prefix(name, "libpod-") && !name.ends_with(".scope")) {
    return Sandbox{SandboxKind::container, short_id(name)};
  }
  return std::nullopt;
}

/// One path; the first folder that says something.
Sandbox parse_path(std::string_view path) {
  bool in_pods = false;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view folder = path.substr(0, path.find('/'));
    path.remove_prefix(folder.size());
    const std::string_view rest = path.substr(std::min<std::size_t>(1, path.size()));
    const std::string_view below = rest.substr(0, rest.find('/'));
    for (const auto parse : {as_flatpak, as_snap, as_container_unit}) {
      if (auto found = parse(folder)) return *found;
    }
    if (auto found = as_container_folder(folder, below)) return *found;
    in_pods = in_pods || folder.starts_with("kubepods");
    if (in_pods && below.empty()) return {SandboxKind::container, short_id(folder)};
  }
  return {};
}

}  // namespace

const char* to_string(SandboxKind kind) noexcept {
  switch (kind) {
    case SandboxKind::none:
      return "none";
    case SandboxKind::flatpak:
      return "flatpak";
    case SandboxKind::snap:
      return "snap";
    case SandboxKind::container:
      return "container";
  }
  return "none";
}

Sandbox parse_cgroups(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    // HIERARCHY:CONTROLLERS:PATH
    const auto path = line.find(":/");
    if (path == std::string_view::npos) continue;
    Sandbox found = parse_path(line.substr(path + 1));
    if (found.kind != SandboxKind::none) return found;
  }
  return {};
}

std::optional<Sandbox> read_sandbox(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  const auto groups = read_proc_file("/proc/" + std::to_string(pid) + "/cgroup", kCgroupBytesMax);
  if (!groups) return std::nullopt;
  Sandbox found = parse_cgroups(*groups);
  if (found.kind != SandboxKind::none) return found;
  if (auto app = read_flatpak_info(pid)) return Sandbox{SandboxKind::flatpak, std::move(*app)};
  return found;
}

}  // namespace cardea::auth
