// Result codes of IFD handlers (MUSCLE "IFD Handler Developer Documentation") as a type of their
// own. Pure; any thread.
#pragma once

#include <string>

namespace cardea {

/// IFD_* results that the daemon tells apart. The numbers are the API's; a driver may return any
/// other number, which the type carries as well.
enum class IfdRv : long {
  success = 0,
  tag = 600,
  pts_failure = 605,
  error_not_supported = 606,
  protocol_not_supported = 607,
  power_action = 608,
  communication_error = 612,
  response_timeout = 613,
  not_supported = 614,
  icc_present = 615,
  icc_not_present = 616,
  no_such_device = 617,
  insufficient_buffer = 618,
};

/// "IFD_COMMUNICATION_ERROR", or "IFD result 4711" for numbers the API does not define.
std::string to_string(IfdRv rv);

}  // namespace cardea
