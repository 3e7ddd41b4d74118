// What the control socket says, as JSON: one object a line, ASCII, version 1. Times are given
// twice: as UTC ("2026-01-31T12:00:00.000Z") for people, in milliseconds before the answer for
// programs. The control thread only.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "daemon/control/control_hub.hpp"
#include "daemon/control/program_names.hpp"

namespace cardea {

/// What the one who asks may see. Whose program holds a card is everybody's business, which
/// program it is only that of its user, of root, and of the daemon's user and group.
struct ControlViewer {
  uid_t uid = 0;
  bool sees_all = false;
  bool may_trace = false;

  [[nodiscard]] bool sees(const PeerCredentials& peer) const { return sees_all || peer.uid == uid; }
};

/// What the daemon says about itself.
struct ControlInfo {
  std::string socket;
  std::string version;
  TimePoint started;
};

std::string status_json(const ServerStatus& status, const ControlInfo& info,
                        const ControlViewer& viewer);
/// One line of `monitor` or `trace`; `names` knows the programs.
std::string event_json(const TimedEvent& event, const ProgramNames& names,
                       const ControlViewer& viewer);
std::string lost_json(std::uint64_t count);
/// The first line of a stream.
std::string started_json(const char* action);
/// `code`: "bad-request", "not-allowed".
std::string error_json(const char* code, const std::string& text);

}  // namespace cardea
