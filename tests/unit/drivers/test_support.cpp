#include "tests/unit/drivers/test_support.hpp"

#include <stdlib.h>

#include <fstream>

#include "base/assert.hpp"
#include "base/mutex.hpp"

namespace cardea::test {
namespace {

Mutex g_mutex;
std::vector<log::Record> g_records GUARDED_BY(g_mutex);

void collect(const log::Record& record) {
  const MutexLock lock(g_mutex);
  g_records.push_back(record);
}

}  // namespace

LogCapture::LogCapture(log::Level least) {
  {
    const MutexLock lock(g_mutex);
    g_records.clear();
  }
  log::set_sink(collect, least);
}

LogCapture::~LogCapture() { log::set_sink(nullptr, log::Level::info); }

std::vector<log::Record> LogCapture::records() const {
  const MutexLock lock(g_mutex);
  return g_records;
}

TemporaryDirectory::TemporaryDirectory() {
  std::string name = std::filesystem::temp_directory_path() / "cardea-test-XXXXXX";
  CARDEA_ASSERT(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::write(const std::string& name, const std::string& text) const {
  const std::filesystem::path path = path_ / name;
  std::ofstream(path, std::ios::binary) << text;
  CARDEA_ASSERT(std::filesystem::file_size(path) == text.size());
  return path;
}

}  // namespace cardea::test
