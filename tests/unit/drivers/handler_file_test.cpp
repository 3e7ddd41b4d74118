// What can be said about a handler's file without loading it has to agree with loading it.
#include "drivers/handler_file.hpp"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>

#include <fstream>
#include <sstream>

#include "tests/unit/drivers/test_handlers.hpp"
#include "tests/unit/drivers/test_support.hpp"

namespace cardea {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

TEST(HandlerFile, IsJudgedAsWhenItIsLoaded) {
  for (const char* name : {"handler_3", "handler_2", "handler_underscored", "handler_without_power",
                           "handler_without_control", "handler_without_create", "handler_lying",
                           "handler_without_set_protocol", "handler_throwing"}) {
    const std::string path = test::handler_path(name);
    const std::string problem = handler_file_problem(path);
    EXPECT_EQ(problem.empty(), IfdLibrary::load(path).has_value()) << name << ": " << problem;
  }
}

TEST(HandlerFile, NamesWhatIsMissing) {
  EXPECT_THAT(handler_file_problem(test::handler_path("handler_without_control")),
              AllOf(HasSubstr("IFDHControl"), HasSubstr("IFDHPowerICC"),
                    HasSubstr("install a complete driver"), Not(HasSubstr("IFDHTransmit"))));
  EXPECT_THAT(handler_file_problem(test::handler_path("handler_without_create")),
              HasSubstr("not an IFD handler"));
}

TEST(HandlerFile, IsNotLoaded) {
  const std::string path = test::handler_path("handler_3");
  ASSERT_FALSE(test::is_loaded(path));
  EXPECT_EQ(handler_file_problem(path), "");
  EXPECT_FALSE(test::is_loaded(path));
}

TEST(HandlerFile, HasToBeASharedLibraryOfThisMachine) {
  const test::TemporaryDirectory directory;
  const std::string good = contents(test::handler_path("handler_3"));
  ASSERT_GT(good.size(), sizeof(ElfW(Ehdr)));
  EXPECT_THAT(handler_file_problem("/nonexistent.so"), HasSubstr("No such file"));
  EXPECT_THAT(handler_file_problem(directory.path()), HasSubstr("not a shared library"));
  EXPECT_THAT(handler_file_problem(directory.write("empty", "")),
              HasSubstr("not a shared library"));
  EXPECT_THAT(handler_file_problem(directory.write("text", std::string(1000, '#'))),
              HasSubstr("not a shared library"));
  EXPECT_THAT(handler_file_problem(directory.write("cut", good.substr(0, 20))),
              HasSubstr("not a shared library"));
  std::string other = good;
  other[offsetof(ElfW(Ehdr), e_machine)] ^= 1;
  EXPECT_THAT(handler_file_problem(directory.write("other", other)), HasSubstr("another kind"));
  std::string program = good;
  program[offsetof(ElfW(Ehdr), e_type)] = ET_EXEC;
  EXPECT_THAT(handler_file_problem(directory.write("program", program)),
              HasSubstr("not a shared library"));
}

TEST(HandlerFile, MayHaveAnyBytesInItsTables) {
  const test::TemporaryDirectory directory;
  const std::string good = contents(test::handler_path("handler_3"));
  // Cut behind the header: the section table is gone, which loading may survive.
  EXPECT_EQ(handler_file_problem(directory.write("cut", good.substr(0, sizeof(ElfW(Ehdr))))), "");
  // Every byte of the header and of the section table once with all bits turned.
  ElfW(Ehdr) header{};
  good.copy(reinterpret_cast<char*>(&header), sizeof header);
  const std::size_t end = header.e_shoff + std::size_t{header.e_shnum} * header.e_shentsize;
  ASSERT_LE(end, good.size());
  const std::string path = directory.write("bad", good);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto write_byte = [&file](std::size_t at, char byte) {
    file.seekp(static_cast<std::streamoff>(at)).put(byte).flush();
  };
  for (std::size_t i = 0; i < end; i == sizeof header - 1 ? i = header.e_shoff : ++i) {
    write_byte(i, static_cast<char>(~good[i]));
    const std::string problem = handler_file_problem(path);
    EXPECT_TRUE(problem.empty() || problem.starts_with("it ")) << i;
    write_byte(i, good[i]);
  }
  ASSERT_TRUE(file.good());
  EXPECT_EQ(handler_file_problem(path), "") << "all bytes are back";
}

}  // namespace
}  // namespace cardea
