// Proves for this program, which is linked as the daemon is, what the target cardea_driver_host
// promises: handlers find log_msg and log_xxd in it and nothing else of ours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "drivers/ifd_library.hpp"

namespace cardea {
namespace {

constexpr const char* kDriverDirectory = "/usr/lib/pcsc/drivers";

std::string output_of(const std::string& command) {
  std::string text;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return text;
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    text.append(buffer, n);
  }
  EXPECT_EQ(::pclose(pipe), 0) << command;
  return text;
}

/// Names this program defines in its dynamic symbol table.
std::set<std::string> exported_names() {
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  std::istringstream lines(output_of(std::string(CARDEA_NM) +
                                     " -D --defined-only --format=posix '" + self.string() + "'"));
  std::set<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    std::string name = line.substr(0, line.find(' '));
    names.insert(name.substr(0, name.find('@')));
  }
  return names;
}

/// Data of libc and libstdc++ that the linker copies into programs, instances of std templates,
/// and what sanitizers add: the toolchain's, in every program.
bool belongs_to_toolchain(const std::string& name) {
  static const std::set<std::string> kCopied{"environ", "stdin",  "stdout", "stderr",
                                             "optarg",  "optind", "opterr", "optopt"};
  if (kCopied.contains(name) || name.starts_with("__") || name.starts_with("_IO_")) return true;
  // Members, objects, vtables and type information of namespace std.
  static const std::regex kStandardLibrary("_Z(T[VIST]|GV)?(N?K?St|N10__cxxabi).*");
  return std::regex_match(name, kStandardLibrary);
}

/// Path of a handler of the distribution; empty if it is not installed.
std::string find_handler(const std::string& file_name) {
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(kDriverDirectory, error), end;
       !error && it != end; it.increment(error)) {
    if (it->path().filename() == file_name) return it->path();
  }
  return {};
}

TEST(DriverHost, ExportsTheTwoLogFunctionsAndNothingElseOfOurs) {
  const auto names = exported_names();
  EXPECT_TRUE(names.contains("log_msg"));
  EXPECT_TRUE(names.contains("log_xxd"));
  for (const std::string& name : names) {
    EXPECT_EQ(name.find("cardea"), std::string::npos) << name;
    EXPECT_FALSE(name.starts_with("IFDH")) << name;
    // The runtimes of sanitizers export whatever they intercept.
    EXPECT_TRUE(CARDEA_SANITIZED || name == "log_msg" || name == "log_xxd" ||
                belongs_to_toolchain(name))
        << name;
  }
}

class DistributionHandler : public testing::TestWithParam<const char*> {};

TEST_P(DistributionHandler, LoadsIntoThisProgram) {
  const std::string path = find_handler(GetParam());
  ASSERT_FALSE(path.empty()) << GetParam() << " is not below " << kDriverDirectory
                             << "; install the packages libccid and vsmartcard-vpcd";
  const auto library = IfdLibrary::load(path);
  ASSERT_TRUE(library.has_value()) << library.error().context;
  EXPECT_EQ((*library)->version(), IfdLibrary::Version::v3);
}

INSTANTIATE_TEST_SUITE_P(Debian, DistributionHandler,
                         testing::Values("libccid.so", "libccidtwin.so", "libifdvpcd.so"),
                         [](const testing::TestParamInfo<const char*>& handler) {
                           const std::string name = handler.param;
                           return name.substr(0, name.find('.'));
                         });

}  // namespace
}  // namespace cardea
