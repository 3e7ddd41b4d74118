// What the doctor looks for. Each check is independent of the others, changes nothing, and gives
// its findings with what to do about them. Main thread.
#pragma once

#include <string>
#include <vector>

#include "tools/pcscctl/doctor/host.hpp"

namespace cardea::ctl {

enum class Verdict {
  good,
  note,     ///< worth knowing
  warning,  ///< some programs, readers or users may be concerned
  fault,    ///< smart cards do not work, or one reader does not
};

struct Finding {
  Verdict verdict = Verdict::good;
  std::string id;  ///< never changes: "socket-missing"
  std::string text;
  std::string remedy;  ///< empty: nothing to do
  std::string line{};  ///< to be copied as it is: the end of the remedy
};

using Findings = std::vector<Finding>;

Findings check_socket(const Host& host);
Findings check_units(const Host& host);
Findings check_daemon(const Host& host);
Findings check_libraries(const Host& host);
Findings check_bundles(const Host& host);
Findings check_reader_conf(const Host& host);
/// USB readers: whether a driver knows them, and whether the daemon may open them.
Findings check_usb_readers(const Host& host);
/// Kernel drivers and programs that keep a reader for themselves.
Findings check_rivals(const Host& host);
Findings check_polkit(const Host& host);
/// Whom the daemon has refused lately, as the journal tells.
Findings check_refusals(const Host& host);
/// Virtual machines, containers, WSL: places that readers do not reach by themselves.
Findings check_place(const Host& host);

struct Check {
  const char* title;
  Findings (*run)(const Host& host);
};

/// All of them, in the order in which they are shown.
const std::vector<Check>& all_checks();

}  // namespace cardea::ctl
