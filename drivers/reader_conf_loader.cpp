#include "drivers/reader_conf_loader.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "drivers/config_file.hpp"

namespace cardea {
namespace {

namespace fs = std::filesystem;

bool is_missing_device(const ReaderConfEntry& entry) {
  std::error_code error;
  const bool is_path = entry.device_name.find(':') == std::string::npos;
  return !entry.device_name.empty() && is_path && !fs::exists(entry.device_name, error);
}

/// Why the paths of an entry cannot work; empty if they can.
std::string path_problem(const ReaderConfEntry& entry) {
  std::error_code error;
  if (!fs::is_regular_file(entry.library_path, error)) {
    return "LIBPATH " + log::escape(entry.library_path) +
           (fs::is_directory(entry.library_path, error)
                ? " is a directory; name the .so file inside"
                : " does not exist; is the driver's package installed?");
  }
  if (entry.channel == 0 && is_missing_device(entry)) {
    return "DEVICENAME " + log::escape(entry.device_name) +
           " does not exist; connect the device or correct the path";
  }
  return {};
}

/// What is odd about an entry that may work nevertheless.
void report_oddities(ReaderConf& conf, const ReaderConfEntry& entry) {
  const auto report = [&](std::string text) {
    add_problem(conf, {entry.file, entry.line, std::move(text)});
  };
  if (entry.library_path.find(".bundle/") != std::string::npos) {
    report("LIBPATH " + log::escape(entry.library_path) +
           " is the driver of a USB bundle, whose readers need no entry here; the reader is "
           "opened, but a USB one may then appear twice or not at all");
  }
  // COMPAT: pcscd ends here. Debian's libgcr410 comes with such an entry, and its driver, a 2.0
  // one, never sees the name.
  if (is_missing_device(entry)) {
    report("DEVICENAME " + log::escape(entry.device_name) +
           " does not exist; the reader is opened, because the driver may go by CHANNELID");
  }
}

void load_file(ReaderConf& conf, const std::string& path) {
  const auto text = read_config_file(path, kReaderConfBytesMax);
  if (!text) {
    add_problem(conf, {path, 0, "cannot be read (" + text.error() + "); its readers stay away"});
    return;
  }
  ReaderConf parsed = parse_reader_conf(*text, path);
  for (ConfigProblem& problem : parsed.problems) add_problem(conf, std::move(problem));
  for (ReaderConfEntry& entry : parsed.entries) {
    const std::string complaint = path_problem(entry);
    if (complaint.empty()) {
      report_oddities(conf, entry);
      add_entry(conf, std::move(entry));
    } else {
      add_problem(conf, {entry.file, entry.line,
                         complaint + "; the reader entry that starts here is ignored"});
    }
  }
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  std::error_code error;
  std::vector<std::string> files;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code unknown;
    if (name.starts_with('.') || !it->is_regular_file(unknown)) continue;
    if (is_backup_name(name)) {
      log::write(log::Level::info,
                 "reader.conf: " + log::escape(it->path().string()) + " is a backup, skipped", {},
                 log::Event::config_skipped);
      continue;
    }
    files.push_back(it->path().string());
  }
  if (error) {
    return failure(ScardRv::invalid_parameter,
                   "reader.conf directory " + log::escape(path) + ": " + error.message());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<ReaderConf> load_reader_conf(const std::string& path) {
  ReaderConf conf;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_regular_file(status)) {
    load_file(conf, path);
    return conf;
  }
  if (!fs::is_directory(status)) {
    return failure(ScardRv::invalid_parameter,
                   "reader.conf " + log::escape(path) + ": " +
                       (error ? error.message() : "neither a directory nor a regular file"));
  }
  auto files = list_directory(path);
  if (!files) return tl::make_unexpected(std::move(files.error()));
  if (files->size() > kReaderConfFilesMax) {
    add_problem(conf, {path, 0,
                       "has more than " + std::to_string(kReaderConfFilesMax) +
                           " files; the readers of those after " +
                           files->at(kReaderConfFilesMax - 1) + " stay away"});
    files->resize(kReaderConfFilesMax);
  }
  for (const std::string& file : *files) load_file(conf, file);
  return conf;
}

}  // namespace cardea
