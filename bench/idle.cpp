// What open contexts cost the daemon while their programs do nothing, from /proc.
#include <sys/resource.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

#include "bench/measurements.hpp"
#include "bench/samples.hpp"

namespace cardea::bench {
namespace {

/// The number after "<field>:" in a file of /proc.
std::uint64_t proc_field(const std::string& path, const std::string& field) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(field + ":")) return std::stoull(line.substr(field.size() + 1));
  }
  fail(path + " has no " + field);
}

struct Resources {
  explicit Resources(int pid) {
    const std::string directory = "/proc/" + std::to_string(pid);
    rss_kb = proc_field(directory + "/status", "VmRSS");
    threads = proc_field(directory + "/status", "Threads");
    pss_kb = proc_field(directory + "/smaps_rollup", "Pss");
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(directory + "/fd")) {
      ++fds;
    }
  }
  std::uint64_t rss_kb = 0;
  std::uint64_t pss_kb = 0;
  std::uint64_t threads = 0;
  std::uint64_t fds = 0;
};

void allow_many_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) fail("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) fail("setrlimit");
}

}  // namespace

void measure_idle(int clients, const Options& options) {
  if (options.daemon_pid == 0) fail("idle needs --daemon-pid");
  allow_many_files();
  const Resources before(options.daemon_pid);
  std::vector<std::unique_ptr<Session>> sessions;
  for (int i = 0; i < clients; ++i) {
    sessions.push_back(make_session(options));
    sessions.back()->establish();
  }
  const Resources after(options.daemon_pid);
  for (const auto& session : sessions) session->release();
  JsonLine()
      .text("op", "idle")
      .count("clients", static_cast<std::uint64_t>(clients))
      .count("rss_kb_before", before.rss_kb)
      .count("rss_kb", after.rss_kb)
      .count("pss_kb_before", before.pss_kb)
      .count("pss_kb", after.pss_kb)
      .count("threads_before", before.threads)
      .count("threads", after.threads)
      .count("fds_before", before.fds)
      .count("fds", after.fds)
      .print();
}

}  // namespace cardea::bench
