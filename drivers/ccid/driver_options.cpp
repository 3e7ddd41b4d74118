#include "drivers/ccid/driver_options.hpp"

#include <cstdlib>
#include <string_view>

namespace cardea::ccid {
namespace {

bool is_on(const char* variable) {
  const char* const value = std::getenv(variable);
  return value != nullptr && std::string_view(value) == "1";
}

}  // namespace

DriverOptions read_driver_options() {
  return {.escape_allowed = is_on("CARDEA_CCID_ESCAPE"), .log_traffic = is_on("CARDEA_CCID_LOG")};
}

}  // namespace cardea::ccid
