// What kind of box a program runs in, as its control group tells: systemd, flatpak, snap and
// container managers name the groups they make after what is inside. A user can put a program into
// a group of any name that is his, so the name may restrict a program and describe it in records,
// but never gives it a right of its own. The parser is pure; any thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace cardea::auth {

enum class SandboxKind { none, flatpak, snap, container };

const char* to_string(SandboxKind kind) noexcept;

struct Sandbox {
  SandboxKind kind = SandboxKind::none;
  /// flatpak: the application id; snap: the snap; container: its name or the begin of its id.
  std::string app;

  friend bool operator==(const Sandbox&, const Sandbox&) = default;
};

/// `text`: what /proc/PID/cgroup holds, of version 1, 2 or both. The outermost group counts: what
/// is inside of a sandbox may be named by it.
Sandbox parse_cgroups(std::string_view text);

/// Of a running process: what its control group says, else what flatpak wrote into its sandbox, if
/// that is ours to read; nullopt if it has exited or its entry in /proc is hidden from us. Who
/// must not mistake another process for it asks its pidfd afterwards whether it is still there.
std::optional<Sandbox> read_sandbox(pid_t pid);

}  // namespace cardea::auth
