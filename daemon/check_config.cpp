#include "daemon/check_config.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <ostream>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "daemon/auth/access_rules_file.hpp"
#include "drivers/driver_bundle.hpp"
#include "drivers/handler_file.hpp"
#include "drivers/reader_conf_loader.hpp"

namespace cardea {
namespace {

std::string counted(std::size_t count, const std::string& what) {
  return (count == 0 ? "no" : std::to_string(count)) + " " + what + (count == 1 ? "" : "s");
}

class Check {
 public:
  void read_reader_conf(const CheckConfigInput& input) {
    auto conf = load_reader_conf(input.reader_conf);
    std::error_code unknown;
    if (!conf && !input.reader_conf_given && !std::filesystem::exists(input.reader_conf, unknown)) {
      return;  // no readers are configured
    }
    if (!conf) {
      const char* cost = input.reader_conf_given ? "; pcscd does not start with it"
                                                 : "; none of its readers can be used";
      problems_.push_back({input.reader_conf, 0, conf.error().context + cost});
      return;
    }
    keep(std::move(conf->problems));
    for (const ReaderConfEntry& entry : conf->entries) {
      if (is_handler(entry.library_path, entry.file, entry.line, "LIBPATH")) ++readers_;
    }
  }

  void read_bundles(const std::string& directory) {
    DriverBundles loaded = load_driver_bundles(directory);
    keep(std::move(loaded.problems));
    for (const DriverBundle& bundle : loaded.bundles) {
      if (is_handler(bundle.library_path, bundle.info_path, bundle.library_line,
                     "CFBundleExecutable")) {
        ++bundles_;
        usb_readers_ += bundle.readers.size();
      }
    }
  }

  void read_access_rules(const CheckConfigInput& input) {
    auth::AccessRulesFile file =
        auth::load_access_rules(input.access_rules, auth::NameService::system());
    if (!file.exists && input.access_rules_given) file.problems.push_back({0, "is not there"});
    for (const auth::RuleProblem& problem : file.problems) {
      problems_.push_back({input.access_rules, problem.line,
                           problem.what + "; pcscd does not use the file, and started with it lets "
                                          "nobody but root use smart cards"});
    }
  }

  int report(std::ostream& out) {
    std::stable_sort(problems_.begin(), problems_.end(),
                     [](const ConfigProblem& a, const ConfigProblem& b) {
                       return std::tie(a.file, a.line) < std::tie(b.file, b.line);
                     });
    for (const ConfigProblem& problem : problems_) out << to_string(problem) << '\n';
    out << counted(problems_.size(), "problem") << "; usable: " << counted(readers_, "reader")
        << " of reader.conf, " << counted(bundles_, "driver bundle") << " for "
        << counted(usb_readers_, "kind") << " of USB readers\n";
    return problems_.empty() ? 0 : 1;
  }

 private:
  void keep(std::vector<ConfigProblem> found) {
    problems_.insert(problems_.end(), std::make_move_iterator(found.begin()),
                     std::make_move_iterator(found.end()));
  }

  /// Looks at each library once, but reports it wherever it is named.
  bool is_handler(const std::string& path, const std::string& file, unsigned line,
                  const std::string& key) {
    auto known = libraries_.find(path);
    if (known == libraries_.end()) {
      known = libraries_.emplace(path, handler_file_problem(path)).first;
    }
    if (known->second.empty()) return true;
    problems_.push_back({file, line,
                         key + " " + log::escape(path) + ": " + known->second +
                             "; readers that need this driver stay away"});
    return false;
  }

  std::vector<ConfigProblem> problems_;
  std::map<std::string, std::string> libraries_;  ///< path, what is wrong with it
  std::size_t readers_ = 0;
  std::size_t bundles_ = 0;
  std::size_t usb_readers_ = 0;
};

}  // namespace

int check_config(const CheckConfigInput& input, std::ostream& out) {
  Check check;
  check.read_reader_conf(input);
  check.read_bundles(input.bundle_directory);
  if (!input.access_rules.empty()) check.read_access_rules(input);
  return check.report(out);
}

}  // namespace cardea
