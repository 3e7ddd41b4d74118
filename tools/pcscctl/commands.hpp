// What pcscctl does for each of its commands: the exit status is the result. Main thread.
#pragma once

#include <string>
#include <vector>

namespace cardea::ctl {

/// Exit statuses.
inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;  ///< doctor: something is wrong; else: it could not be done
inline constexpr int kUsage = 2;

struct Invocation {
  std::string socket;
  bool json = false;
  std::vector<std::string> arguments;  ///< after the name of the command
};

int show_status(const Invocation& invocation);
int show_list(const Invocation& invocation);
int monitor(const Invocation& invocation);
int trace(const Invocation& invocation);
int explain(const Invocation& invocation);
int doctor(const Invocation& invocation);

}  // namespace cardea::ctl
