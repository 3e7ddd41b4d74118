// pcscd: the PC/SC daemon.
#include <cstdio>
#include <exception>
#include <iostream>
#include <optional>
#include <string_view>

#include "daemon/app.hpp"
#include "daemon/check_config.hpp"
#include "daemon/io/memory_reserve.hpp"
#include "drivers/driver_trial.hpp"
#include "drivers/hosted/host_process.hpp"

namespace {

/// What this program is run for by itself, or nothing: then it is the daemon.
std::optional<int> run_as_helper(int argc, char* argv[]) {
  const std::string_view purpose = argc > 1 ? argv[1] : "";
  if (argc == 3 && purpose == cardea::kDriverTrialArgument) cardea::run_driver_trial(argv[2]);
  if (purpose != cardea::kDriverHostArgument) return std::nullopt;
  return cardea::run_driver_host(argc > 2 && std::string_view(argv[2]) == cardea::kDriverHostDumps);
}

}  // namespace

int main(int argc, char* argv[]) {
  if (const auto status = run_as_helper(argc, argv)) return *status;
  cardea::install_memory_reserve();
  const auto options = cardea::parse_options(argc, argv);
  if (!options) {
    if (!options.error().context.empty()) {
      std::fprintf(stderr, "pcscd: %s\n", options.error().context.c_str());
    }
    std::fputs(cardea::usage().c_str(), stdout);
    return 1;
  }
  switch (options->action) {
    case cardea::Options::Action::help:
      std::fputs(cardea::usage().c_str(), stdout);
      return 0;
    case cardea::Options::Action::version:
      std::fputs(cardea::version_text().c_str(), stdout);
      return 0;
    case cardea::Options::Action::hotplug:
      return cardea::ask_for_rescan(*options);
    case cardea::Options::Action::check_config:
    case cardea::Options::Action::run:
      break;
  }
  try {
    if (options->action == cardea::Options::Action::check_config) {
      return cardea::check_config(
          {options->config, options->config_given, options->bundle_directory, options->access_rules,
           options->access_rules_given},
          std::cout);
    }
    return cardea::run_daemon(*options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pcscd: cannot go on: %s\n", error.what());
    return 1;
  }
}
