// The doctor: are the drivers fit for use? The same rules as in the daemon.
#include "drivers/driver_bundle.hpp"
#include "drivers/handler_file.hpp"
#include "drivers/reader_conf_loader.hpp"
#include "tools/pcscctl/doctor/checks.hpp"

namespace cardea::ctl {
namespace {

constexpr std::size_t kProblemsShownMax = 5;

void add_problems(const std::vector<ConfigProblem>& problems, const char* id, Findings& found) {
  for (std::size_t i = 0; i < problems.size() && i < kProblemsShownMax; ++i) {
    found.push_back({Verdict::warning, id, to_string(problems[i]),
                     "mend that line; pcscd --check-config shows all"});
  }
}

}  // namespace

Findings check_bundles(const Host& host) {
  Findings found;
  if (!host.exists(host.bundles)) {
    return {{Verdict::fault, "bundles-missing", "there is no directory " + host.bundles,
             "install a driver, for most readers libccid"}};
  }
  const DriverBundles loaded = load_driver_bundles(host.at(host.bundles));
  add_problems(loaded.problems, "bundles-problem", found);
  std::size_t usable = 0;
  std::size_t kinds = 0;
  for (const DriverBundle& bundle : loaded.bundles) {
    const std::string problem = handler_file_problem(bundle.library_path);
    if (problem.empty()) {
      ++usable;
      kinds += bundle.readers.size();
      continue;
    }
    found.push_back({Verdict::fault, "bundles-handler",
                     "the driver " + bundle.library_path + " cannot be used: " + problem,
                     "install the package it belongs to again, or remove " + bundle.path});
  }
  if (usable == 0) {
    found.push_back({Verdict::fault, "bundles-none",
                     "no driver bundle can be used: USB readers "
                     "are not found",
                     "install a driver, for most readers libccid"});
  } else {
    found.push_back({Verdict::good, "bundles",
                     std::to_string(usable) + " driver bundles for " + std::to_string(kinds) +
                         " kinds of USB readers",
                     ""});
  }
  return found;
}

Findings check_reader_conf(const Host& host) {
  const std::string path = host.at(host.reader_conf);
  if (!host.exists(host.reader_conf)) {
    return {{Verdict::good, "reader-conf", "no readers are configured by hand", ""}};
  }
  Findings found;
  const auto conf = load_reader_conf(path);
  if (!conf) {
    return {{Verdict::fault, "reader-conf-unreadable", conf.error().context,
             "let the user of the daemon read it"}};
  }
  add_problems(conf->problems, "reader-conf-problem", found);
  for (const ReaderConfEntry& entry : conf->entries) {
    const std::string problem = handler_file_problem(host.at(entry.library_path));
    if (problem.empty()) continue;
    found.push_back({Verdict::fault, "reader-conf-handler",
                     entry.file + ": LIBPATH " + entry.library_path + ": " + problem,
                     "correct LIBPATH, or install the driver"});
  }
  if (found.empty()) {
    found.push_back({Verdict::good, "reader-conf",
                     std::to_string(conf->entries.size()) + " readers are configured by hand", ""});
  }
  return found;
}

}  // namespace cardea::ctl
