// Files read whole or not at all.
#include "daemon/auth/proc_file.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include <string>

#include "base/unique_fd.hpp"

namespace cardea::auth {
namespace {

/// What read_proc_file() makes of a file with that text.
std::optional<std::string> read_back(const std::string& text, std::size_t bytes_max) {
  const UniqueFd file(::memfd_create("proc-file-test", MFD_CLOEXEC));
  EXPECT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  return read_proc_file("/proc/self/fd/" + std::to_string(file.get()), bytes_max);
}

std::string text_of(std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += std::to_string(text.size()) + ' ';
  return text.substr(0, bytes);
}

TEST(ProcFile, IsReadWhole) {
  // About the sizes of the buffer: 4, 8 and 16 KiB.
  for (const std::size_t bytes : {0u, 1u, 4095u, 4096u, 4097u, 8192u, 12'000u, 16'384u, 16'385u}) {
    EXPECT_EQ(read_back(text_of(bytes), 64 * 1024), text_of(bytes)) << bytes;
  }
}

TEST(ProcFile, IsNotReadIfItMightHaveBeenCut) {
  for (const std::size_t most : {100u, 4096u, 5000u, 8192u}) {
    EXPECT_EQ(read_back(text_of(most - 1), most), text_of(most - 1)) << most;
    EXPECT_EQ(read_back(text_of(most), most), std::nullopt) << most;
    EXPECT_EQ(read_back(text_of(most + 1), most), std::nullopt) << most;
  }
}

TEST(ProcFile, ThatIsNotThereIsNone) {
  EXPECT_EQ(read_proc_file("/proc/self/nothing-of-that-name", 100), std::nullopt);
}

}  // namespace
}  // namespace cardea::auth
