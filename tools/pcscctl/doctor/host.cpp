#include "tools/pcscctl/doctor/host.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace cardea::ctl {
namespace {

constexpr std::size_t kReadBytesMax = 8 * 1024 * 1024;
constexpr std::size_t kChunkBytes = 16 * 1024;

/// The number after "Uid:" of /proc/PID/status.
uid_t uid_in(const std::string& status) {
  const std::size_t at = status.find("\nUid:");
  if (at == std::string::npos) return 0;
  return static_cast<uid_t>(std::strtoul(status.c_str() + at + 5, nullptr, 10));
}

}  // namespace

bool Host::exists(const std::string& path) const {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::symlink_status(at(path), ignored));
}

std::vector<std::string> Host::list(const std::string& path) const {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(at(path), error), end; !error && it != end;
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Host::read(const std::string& path) const {
  std::ifstream file(at(path), std::ios::binary);
  std::string text;
  std::vector<char> chunk(kChunkBytes);
  while (file && text.size() < kReadBytesMax) {
    file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    text.append(chunk.data(), static_cast<std::size_t>(file.gcount()));
  }
  const std::size_t end = text.find_last_not_of(" \n\t");
  text.resize(end == std::string::npos ? 0 : end + 1);
  return text;
}

std::string Host::link(const std::string& path) const {
  std::error_code error;
  const auto target = std::filesystem::read_symlink(at(path), error);
  return error ? std::string() : target.string();
}

std::vector<Process> Host::processes() const {
  std::vector<Process> found;
  for (const std::string& name : list("/proc")) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string directory = "/proc/" + name;
    Process process;
    process.pid = static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10));
    process.name = read(directory + "/comm");
    process.file = link(directory + "/exe");
    process.uid = uid_in(read(directory + "/status"));
    found.push_back(std::move(process));
  }
  return found;
}

std::optional<uid_t> Host::uid_of(const std::string& user) const {
  // NAME:PASSWORD:UID:...
  const std::string text = "\n" + read("/etc/passwd");
  const std::size_t line = text.find("\n" + user + ":");
  if (line == std::string::npos) return std::nullopt;
  const std::size_t password = text.find(':', line) + 1;
  const std::size_t number = text.find(':', password);
  if (number == std::string::npos) return std::nullopt;
  return static_cast<uid_t>(std::strtoul(text.c_str() + number + 1, nullptr, 10));
}

}  // namespace cardea::ctl
