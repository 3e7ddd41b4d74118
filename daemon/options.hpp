// The command line of pcscd.
#pragma once

#include <cstddef>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"

namespace cardea {

struct Options {
  enum class Action { run, help, version };
  Action action = Action::run;
  bool foreground = false;
  std::string config = "/etc/reader.conf.d";
  bool config_given = false;  ///< then it must exist
  std::string socket;
  log::Level level = log::Level::info;
  std::size_t clients_max = 10'000;
  std::size_t handles_per_context_max = 200;
  std::size_t handles_per_reader_max = 200;
  std::size_t legacy_slots = 16;
};

/// Errors (invalid_parameter): an unknown option, a bad value or a stray argument; the context
/// says which.
Result<Options> parse_options(int argc, char* const argv[]);

std::string usage();
std::string version_text();

}  // namespace cardea
