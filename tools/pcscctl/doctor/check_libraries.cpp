// The doctor: which libpcsclite do programs use?
#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include "tools/pcscctl/doctor/checks.hpp"

namespace cardea::ctl {
namespace {

constexpr const char* kName = "libpcsclite.so.1";
constexpr std::array kRoots{"/usr/local/lib", "/usr/lib", "/usr/lib64", "/lib", "/lib64"};
constexpr std::size_t kNamedMax = 5;

/// Directories of a root and one level below, as multi-arch has them.
std::vector<std::string> library_directories(const Host& host) {
  std::vector<std::string> directories;
  for (const std::string root : kRoots) {
    if (!host.link(root).empty()) continue;  // /lib is /usr/lib
    directories.push_back(root);
    for (const std::string& name : host.list(root)) {
      if (name.find("-linux-") != std::string::npos) directories.push_back(root + "/" + name);
    }
  }
  return directories;
}

/// "/usr/lib/x/libpcsclite.so.1 (libpcsclite.so.1.0.0, Cardea's)"
std::string described(const Host& host, const std::string& path) {
  // Only ours knows this variable.
  const bool ours = host.read(path).find("CARDEA_TRACE") != std::string::npos;
  const std::string target = host.link(path);
  const std::string whose = ours ? "Cardea's" : "not Cardea's";
  return path + " (" + (target.empty() ? "" : target + ", ") + whose + ")";
}

/// Copies that come with applications.
std::vector<std::string> bundled_copies(const Host& host) {
  std::vector<std::string> found;
  for (const std::string& app : host.list("/var/lib/flatpak/app")) {
    const std::string files = "/var/lib/flatpak/app/" + app + "/current/active/files/lib";
    if (host.exists(files + "/" + kName)) found.push_back("flatpak " + app);
  }
  for (const std::string& snap : host.list("/snap")) {
    const std::string lib = "/snap/" + snap + "/current/usr/lib";
    bool has = host.exists(lib + "/" + kName);
    for (const std::string& name : host.list(lib)) {
      has = has || host.exists(lib + "/" + name + "/" + kName);
    }
    if (has) found.push_back("snap " + snap);
  }
  return found;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kNamedMax; ++i) {
    text += (text.empty() ? "" : ", ") + names[i];
  }
  if (names.size() > kNamedMax)
    text += " and " + std::to_string(names.size() - kNamedMax) + " more";
  return text;
}

/// Library files in use and the programs that have them loaded.
std::map<std::string, std::vector<std::string>> libraries_in_use(const Host& host) {
  std::map<std::string, std::vector<std::string>> users;
  for (const Process& process : host.processes()) {
    const std::string maps = host.read("/proc/" + std::to_string(process.pid) + "/maps");
    const std::size_t at = maps.find("libpcsclite.so.1");
    if (at == std::string::npos) continue;
    const std::size_t begin = maps.rfind(' ', at) + 1;
    const std::size_t end = std::min(maps.find('\n', at), maps.size());
    users[maps.substr(begin, end - begin)].push_back(process.name + " (pid " +
                                                     std::to_string(process.pid) + ")");
  }
  return users;
}

}  // namespace

Findings check_libraries(const Host& host) {
  Findings found;
  std::vector<std::string> copies;
  for (const std::string& directory : library_directories(host)) {
    const std::string path = directory + "/" + kName;
    if (!host.exists(path)) continue;
    std::error_code error;
    if (!std::filesystem::exists(host.at(path), error)) {
      found.push_back({Verdict::fault, "library-broken", path + " leads nowhere",
                       "install the package of the library again (libcardea-pcsclite1)"});
      continue;
    }
    copies.push_back(described(host, path));
  }
  if (copies.empty() && found.empty()) {
    found.push_back({Verdict::fault, "library-missing", "there is no libpcsclite.so.1",
                     "install the package of the library (libcardea-pcsclite1)"});
  } else if (copies.size() > 1) {
    found.push_back({Verdict::warning, "library-several",
                     "there are several copies of the library: " + joined(copies),
                     "remove those that no package owns; which one a program takes depends on "
                     "ld.so.conf"});
  } else if (copies.size() == 1) {
    found.push_back({Verdict::good, "library", "programs use " + copies.front(), ""});
  }
  const auto in_use = libraries_in_use(host);
  if (in_use.size() > 1) {
    found.push_back({Verdict::note, "library-mixed",
                     "programs that run now use " + std::to_string(in_use.size()) +
                         " different copies of the library",
                     "all versions work side by side; if one program alone has trouble, look at "
                     "its copy first"});
  }
  for (const auto& [file, programs] : in_use) {
    if (!file.ends_with("(deleted)")) {
      found.push_back({Verdict::good, "library-used",
                       joined(programs) + (programs.size() > 1 ? " use " : " uses ") + file, ""});
      continue;
    }
    found.push_back({Verdict::warning, "library-replaced",
                     joined(programs) + (programs.size() > 1 ? " still use" : " still uses") +
                         " a library that an update has replaced",
                     "restart what is named here"});
  }
  if (const auto bundled = bundled_copies(host); !bundled.empty()) {
    found.push_back({Verdict::note, "library-bundled",
                     "these come with a copy of their own: " + joined(bundled),
                     "if one of them sees no reader, allow it the socket (flatpak: "
                     "--socket=pcsc; snap connect NAME:pcscd)"});
  }
  return found;
}

}  // namespace cardea::ctl
