// What flatpak writes about an application into its sandbox, /.flatpak-info: the source of its name
// where no control group tells, because systemd does not manage the user's programs. Readable for
// root, and for a daemon of the program's own user. It is no proof: a user can make a sandbox with
// any file in it, so it is used as the name of a control group is (sandbox.hpp). The parser is
// pure; any thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace cardea::auth {

/// The application's id; nullopt if `text`, the file's content, has none of the form that flatpak
/// allows.
std::optional<std::string> parse_flatpak_info(std::string_view text);

/// The type of the file system mounted as number `mount_id`; `mountinfo`: what
/// /proc/PID/mountinfo holds, proc(5). Empty if it is not there.
std::string_view mount_type(std::string_view mountinfo, std::string_view mount_id);

/// Of a running process; nullopt if it is in no sandbox of flatpak's, has exited, or may not be
/// looked at. Never waits for the process or for a file system of its user's own making.
std::optional<std::string> read_flatpak_info(pid_t pid);

}  // namespace cardea::auth
