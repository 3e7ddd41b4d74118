#include "daemon/journal_sink.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace cardea {
namespace {

constexpr const char* kIdentifier = "pcscd";

bool is_stream(int fd, unsigned long long device, unsigned long long inode) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

}  // namespace

bool is_journal_connected(const char* socket) {
  const char* stream = ::secure_getenv("JOURNAL_STREAM");
  if (stream == nullptr) return false;
  unsigned long long device = 0;
  unsigned long long inode = 0;
  if (std::sscanf(stream, "%llu:%llu", &device, &inode) != 2) return false;
  const bool is_ours =
      is_stream(STDOUT_FILENO, device, inode) || is_stream(STDERR_FILENO, device, inode);
  // In some sandboxes there is no socket, and then there is nothing but the stream.
  return is_ours && ::access(socket, F_OK) == 0;
}

int syslog_priority(log::Level level) noexcept {
  switch (level) {
    case log::Level::debug:
      return 7;
    case log::Level::info:
      return 6;
    case log::Level::warning:
      return 4;
    case log::Level::error:
      return 3;
    case log::Level::critical:
      return 2;
  }
  return 6;
}

std::vector<std::string> journal_fields(const log::Record& record) {
  std::vector<std::string> fields;
  fields.reserve(record.fields.size() + 4);
  fields.push_back("MESSAGE=" + record.text);
  fields.push_back("PRIORITY=" + std::to_string(syslog_priority(record.level)));
  fields.push_back(std::string("SYSLOG_IDENTIFIER=") + kIdentifier);
  if (const char* id = log::message_id(record.event)) {
    fields.push_back(std::string("MESSAGE_ID=") + id);
  }
  for (const auto& [name, value] : record.fields) {
    fields.emplace_back("CARDEA_").append(name).append("=").append(value);
  }
  return fields;
}

std::string journal_entry(const log::Record& record) {
  std::string entry;
  for (const std::string& field : journal_fields(record)) entry.append(field).append("\n");
  return entry;
}

bool send_to_journal(const log::Record& record, const LogSocket& journal, LogDescriptor& text) {
  if (journal.send(journal_entry(record))) return true;
  return text.write("<" + std::to_string(syslog_priority(record.level)) + ">" + record.text + "\n");
}

}  // namespace cardea
