// The command-line tool against a reader of this process.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

#include "base/unix_socket.hpp"
#include "tests/unit/drivers/virtual/test_host.hpp"

namespace cardea::virtual_reader {
namespace {

struct Outcome {
  int status = -1;
  std::string output;  ///< stdout and stderr

  bool operator==(const Outcome&) const = default;
};

void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << "status " << outcome.status << ": " << outcome.output;
}

Outcome run_tool(const std::string& arguments) {
  const std::string command = CARDEA_TEST_TOOL " " + arguments + " 2>&1";
  FILE* const pipe = ::popen(command.c_str(), "re");
  if (pipe == nullptr) return {};
  Outcome outcome;
  std::array<char, 1024> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) outcome.output += buffer.data();
  const int status = ::pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

class CardeaVirtual : public testing::Test {
 protected:
  const TemporaryFolder folder_;
  const std::string path_ = folder_.file("control");
};

TEST_F(CardeaVirtual, SendsACommandAndPrintsTheAnswer) {
  const OpenReader reader(0, "virtual:slots=2:control=" + path_, 2);
  EXPECT_EQ(run_tool(path_ + " remove 1"), (Outcome{0, "ok slot 1 is empty\n"}));
  EXPECT_EQ(IFDHICCPresence(reader.lun(1)), IFD_ICC_NOT_PRESENT);
  EXPECT_EQ(run_tool(path_ + " insert 1 hello atr=t1"), (Outcome{0, "ok slot 1 holds a card\n"}));
  EXPECT_EQ(run_tool(path_ + " 'status'"),
            (Outcome{0, "0 present hello unpowered\n1 present hello unpowered\nok\n"}));
}

TEST_F(CardeaVirtual, Exits1WhenTheReaderRefuses) {
  const OpenReader reader(0, "virtual:control=" + path_);
  EXPECT_EQ(run_tool(path_ + " insert 0"), (Outcome{1, "error slot 0 already holds a card\n"}));
  EXPECT_EQ(run_tool(path_ + " -h"), (Outcome{1, "error unknown command '-h', try help\n"}));
}

TEST_F(CardeaVirtual, Exits2WhenItCannotAsk) {
  EXPECT_EQ(run_tool(path_ + " status"),
            (Outcome{2, "cardea-virtual: connect(" + path_ + "): No such file or directory\n"}));
  EXPECT_EQ(run_tool("/" + std::string(107, 'x') + " status"),
            (Outcome{2, "cardea-virtual: the socket path is too long\n"}));
  EXPECT_EQ(run_tool(path_ + " 'status\nstatus'"),
            (Outcome{2, "cardea-virtual: a command is one line\n"}));
  EXPECT_EQ(run_tool("").status, 2);
  EXPECT_EQ(run_tool(path_).status, 2);
  EXPECT_EQ(run_tool("--frobnicate").status, 2);
}

TEST_F(CardeaVirtual, ExplainsItself) {
  const Outcome help = run_tool("--help");
  EXPECT_EQ(help.status, 0);
  EXPECT_TRUE(help.output.starts_with("Usage: cardea-virtual SOCKET COMMAND...\n"));
  EXPECT_EQ(run_tool("-h"), help);
}

}  // namespace
}  // namespace cardea::virtual_reader
