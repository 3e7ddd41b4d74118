// The doctor's look into the journal: whom has the daemon refused lately, and what would have let
// him in? Records count only if the daemon's user or root has written them: everybody can write
// records that look like ours, and would like the administrator to follow their advice. Main
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/pcscctl/doctor/checks.hpp"

namespace cardea::ctl {

struct Refusal {
  enum class Kind { access, version, limit };
  Kind kind = Kind::access;
  std::int64_t age_ms = 0;  ///< since it was written
  std::string who;          ///< "/usr/bin/x (uid 1000, flatpak y)"
  std::string what;         ///< access: "the reader \"R\"" or "smart cards"; version: "4:2";
                            ///< limit: "32 connections", or empty for that of all users
  std::string rule;         ///< access: the line of access.rules that allows it
};

struct RefusalRecords {
  bool has_journal = false;  ///< there are files of journald's that we may read
  std::vector<Refusal> refusals;
};

/// The last day's, the newest first, kRefusalsMax at most.
constexpr std::int64_t kRefusalHours = 24;
constexpr std::size_t kRefusalsMax = 1000;
RefusalRecords read_refusals(const Host& host);

/// One finding for each kind, program and thing refused. `is_root`: who asks sees all records.
Findings judge_refusals(const RefusalRecords& records, bool is_root);

}  // namespace cardea::ctl
