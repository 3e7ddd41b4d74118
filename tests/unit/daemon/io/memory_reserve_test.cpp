// The limit on memory is one of the whole process, so each test runs in a process of its own.
#include "daemon/io/memory_reserve.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"

namespace cardea {
namespace {

/// Bytes of this process that count against RLIMIT_DATA.
rlim_t data_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    rlim_t kilobytes = 0;
    if (word == "VmData:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

void limit_data(rlim_t bytes) {
  const rlimit limit{bytes, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_DATA, &limit) != 0) std::_Exit(2);
}

int g_errors = 0;
int g_infos = 0;
void count_records(const log::Record& record) {
  ++(record.level == log::Level::error ? g_errors : g_infos);
}

/// Ends the process: 0 if all went as it should.
[[noreturn]] void run_short_and_recover() {
  install_memory_reserve();
  log::set_sink(count_records, log::Level::info);
  if (is_memory_short()) std::_Exit(10);
  limit_data(data_bytes());
  // From here on new pages come out of the reserve.
  const auto block = std::make_unique<std::vector<char>>(kReservePieceBytes / 2);
  if (block->size() != kReservePieceBytes / 2) std::_Exit(11);
  if (!is_memory_short() || !is_memory_short()) std::_Exit(12);
  if (g_errors != 1) std::_Exit(13);  // said once
  limit_data(RLIM_INFINITY);
  if (is_memory_short()) std::_Exit(14);
  std::_Exit(g_infos == 1 ? 0 : 15);
}

[[noreturn]] void use_it_up() {
  install_memory_reserve();
  limit_data(data_bytes());
  const std::vector<char> too_much(kReservePieces * kReservePieceBytes * 2);
  std::_Exit(too_much.empty() ? 1 : 0);  // not reached
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kOwnsMemory = false;  // the sanitizer's allocator knows no limits
#else
constexpr bool kOwnsMemory = true;
#endif

TEST(MemoryReserveDeathTest, GivesWayAndComesBack) {
  if (!kOwnsMemory) GTEST_SKIP() << "the sanitizer's allocator asks nobody";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run_short_and_recover(), testing::ExitedWithCode(0), "");
}

TEST(MemoryReserveDeathTest, EndsWithARecordWhenItIsUsedUp) {
  if (!kOwnsMemory) GTEST_SKIP() << "the sanitizer's allocator asks nobody";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(use_it_up(), testing::KilledBySignal(SIGABRT), "<2>out of memory: pcscd ends");
}

}  // namespace
}  // namespace cardea
