// The doctor: is there a daemon, and can programs reach it?
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/unix_socket.hpp"
#include "tools/pcscctl/control_client.hpp"
#include "tools/pcscctl/doctor/checks.hpp"

namespace cardea::ctl {
namespace {

constexpr mode_t kEverybodyMayConnect = S_IWOTH;
constexpr const char* kStartSocket = "systemctl enable --now pcscd.socket";
/// In systemd's order.
constexpr std::array kUnitDirectoriesByRank{"/etc/systemd/system", "/run/systemd/system",
                                            "/usr/local/lib/systemd/system",
                                            "/usr/lib/systemd/system", "/lib/systemd/system"};

/// Where the daemon of the one unit in force is: a directory that comes first wins.
std::string program_of_unit(const Host& host) {
  for (const char* directory : kUnitDirectoriesByRank) {
    const std::string text = "\n" + host.read(std::string(directory) + "/pcscd.service");
    constexpr std::string_view kKey = "\nExecStart=";
    const std::size_t at = text.find(kKey);
    if (at == std::string::npos) continue;
    const std::size_t begin = text.find_first_not_of("-@:+!", at + kKey.size());
    if (begin == std::string::npos) return {};
    return text.substr(begin, text.find_first_of(" \n", begin) - begin);
  }
  return {};
}

/// Ours speaks the protocol of the control socket.
bool is_of_cardea(const Host& host, const std::string& program) {
  return host.read(program).find("cardea-control") != std::string::npos;
}

bool is_masked(const Host& host, const std::string& unit) {
  return host.link("/etc/systemd/system/" + unit) == "/dev/null" ||
         host.link("/run/systemd/system/" + unit) == "/dev/null";
}

std::string named(const Process& process) {
  return (process.file.empty() ? process.name : process.file) + " (pid " +
         std::to_string(process.pid) + ")";
}

}  // namespace

Findings check_socket(const Host& host) {
  const std::string path = host.at(host.socket);
  Findings found;
  if (host.socket_from_environment) {
    found.push_back({Verdict::note, "socket-moved",
                     "PCSCLITE_CSOCK_NAME makes programs look for the daemon at " + host.socket,
                     ""});
  }
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    found.push_back({Verdict::fault, "socket-missing", "there is no socket " + host.socket,
                     std::string("start the daemon: ") + kStartSocket + ", or run pcscd"});
    return found;
  }
  if (!S_ISSOCK(status.st_mode)) {
    found.push_back({Verdict::fault, "socket-no-socket", host.socket + " is no socket",
                     "remove it and start the daemon: " + std::string(kStartSocket)});
    return found;
  }
  if ((status.st_mode & kEverybodyMayConnect) == 0) {
    found.push_back({Verdict::warning, "socket-closed",
                     host.socket + " does not let everybody connect",
                     "remove SocketMode= from drop-ins of pcscd.socket, then systemctl restart "
                     "pcscd.socket"});
  }
  const std::string directory = host.socket.substr(0, host.socket.rfind('/'));
  if (struct stat place{};
      ::stat(host.at(directory).c_str(), &place) == 0 && (place.st_mode & S_IXOTH) == 0) {
    found.push_back({Verdict::warning, "socket-directory-closed",
                     directory + " does not let everybody through to the socket",
                     "chmod 755 " + directory +
                         ", and look for RuntimeDirectoryMode= or UMask= in "
                         "drop-ins of pcscd.service"});
  }
  if (::access(path.c_str(), W_OK) != 0) {
    found.push_back({Verdict::fault, "socket-not-allowed", "you may not connect to " + host.socket,
                     "its mode and that of its directory have to let you"});
  } else if (!is_served(path)) {
    found.push_back(
        {Verdict::fault, "socket-dead", "nobody listens at " + host.socket,
         std::string("the daemon that made it has ended: ") + kStartSocket + ", or run pcscd"});
  } else {
    found.push_back({Verdict::good, "socket", "a daemon listens at " + host.socket, ""});
  }
  return found;
}

Findings check_units(const Host& host) {
  if (!host.exists("/run/systemd/system")) {
    return {{Verdict::note, "units-no-systemd", "systemd does not run here",
             "something else has to start pcscd"}};
  }
  const bool installed = std::any_of(
      kUnitDirectoriesByRank.begin(), kUnitDirectoriesByRank.end(),
      [&](const char* directory) { return host.exists(std::string(directory) + "/pcscd.socket"); });
  if (!installed) {
    return {{Verdict::fault, "units-missing", "systemd has no pcscd.socket",
             "install the package of the daemon (cardea-pcscd)"}};
  }
  Findings found;
  for (const std::string unit : {"pcscd.socket", "pcscd.service"}) {
    if (!is_masked(host, unit)) continue;
    found.push_back({Verdict::fault, "units-masked", unit + " is masked: it cannot be started",
                     "systemctl unmask " + unit + " && " + kStartSocket});
  }
  if (!found.empty()) return found;
  const std::string program = program_of_unit(host);
  if (!program.empty() && !host.exists(program)) {
    return {{Verdict::fault, "units-no-program",
             "pcscd.service starts " + program + ", which is not there",
             "install the package of the daemon again (cardea-pcscd)"}};
  }
  if (!program.empty() && !is_of_cardea(host, program)) {
    found.push_back({Verdict::warning, "units-foreign",
                     "pcscd.service starts " + program + ", which is not Cardea's",
                     "remove the package of the other one (apt remove pcscd), or, where both are "
                     "wanted, systemctl edit pcscd.service"});
  }
  if (!host.exists("/etc/systemd/system/sockets.target.wants/pcscd.socket")) {
    found.push_back({Verdict::warning, "units-disabled",
                     "pcscd.socket is not started with the system", kStartSocket});
  }
  if (!found.empty()) return found;
  return {{Verdict::good, "units", "systemd starts the daemon for the first program", ""}};
}

Findings check_daemon(const Host& host) {
  Findings found;
  std::vector<Process> daemons;
  for (Process& process : host.processes()) {
    if (process.name == "pcscd") daemons.push_back(std::move(process));
  }
  if (daemons.empty()) {
    return {{Verdict::note, "daemon-none",
             "no pcscd runs at the moment; systemd starts it for the first program", ""}};
  }
  if (daemons.size() > 1) {
    std::string names;
    for (const Process& daemon : daemons) names += (names.empty() ? "" : ", ") + named(daemon);
    found.push_back({Verdict::warning, "daemon-several", "more than one pcscd runs: " + names,
                     "only one can have a reader: stop the one that does not belong here"});
  }
  for (const Process& daemon : daemons) {
    if (!daemon.file.ends_with(" (deleted)")) continue;
    found.push_back({Verdict::warning, "daemon-replaced",
                     named(daemon) + " was replaced by an update and still runs",
                     "systemctl restart pcscd.service"});
  }
  if (host.exists(host.socket) && !host.exists(control_path(host.socket))) {
    found.push_back({Verdict::warning, "daemon-foreign",
                     named(daemons.front()) + " has no control socket: it is not Cardea's",
                     "pcscctl status, list, monitor and trace need Cardea's pcscd"});
  }
  if (found.empty()) {
    found.push_back({Verdict::good, "daemon", named(daemons.front()) + " runs", ""});
  }
  return found;
}

}  // namespace cardea::ctl
