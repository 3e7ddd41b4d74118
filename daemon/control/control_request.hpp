// One line that pcscctl sends to the daemon, checked. Version 1 of the control protocol:
//   {"cardea-control":1,"do":"status"}
//   {"cardea-control":1,"do":"monitor"}
//   {"cardea-control":1,"do":"trace","reader":NAME}   or "pid":NUMBER
// Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace cardea {

inline constexpr int kControlVersion = 1;
inline constexpr std::size_t kControlRequestBytesMax = 1024;

struct ControlRequest {
  enum class Action { status, monitor, trace };
  Action action = Action::status;
  std::optional<std::string> reader;  ///< trace: what passes to this reader
  std::optional<std::int64_t> pid;    ///< trace: what this process sends
};

/// Nothing is guessed: an unknown member, a wrong type or another version is an error
/// (invalid_parameter), whose context says what was expected.
Result<ControlRequest> parse_control_request(std::string_view line);

}  // namespace cardea
