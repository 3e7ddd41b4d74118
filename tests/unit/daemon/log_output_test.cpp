#include "daemon/log_output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace cardea {
namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    reader = UniqueFd(ends[0]);
    writer = UniqueFd(ends[1]);
  }
  std::string read_some() const {
    std::array<char, 65'536> data{};
    const ssize_t got = ::read(reader.get(), data.data(), data.size());
    return {data.data(), static_cast<std::size_t>(got > 0 ? got : 0)};
  }
  UniqueFd reader;
  UniqueFd writer;
};

TEST(LogDescriptor, WritesAllOfALongRecord) {
  const Pipe pipe;
  LogDescriptor log(pipe.writer.get());
  const std::string record(20'000, 'x');
  EXPECT_TRUE(log.write(record));
  EXPECT_EQ(pipe.read_some(), record);
}

TEST(LogDescriptor, NeverWaitsForAReaderThatDoesNotRead) {
  const Pipe pipe;
  LogDescriptor log(pipe.writer.get());
  const std::string record(1'000, 'x');
  int written = 0;
  while (log.write(record)) ASSERT_LT(++written, 10'000);
  EXPECT_EQ(errno, EAGAIN);
  // The first failure may have waited; from then on there is no patience left.
  const TimePoint began = Clock::now();
  for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(log.write(record));
  EXPECT_LT(Clock::now() - began, LogDescriptor::kPatience * 100);
  (void)pipe.read_some();
  EXPECT_TRUE(log.write(record)) << "there is room again";
}

TEST(LogDescriptor, BeginsANewLineAfterATornOne) {
  const Pipe pipe;
  ASSERT_NE(::fcntl(pipe.writer.get(), F_SETPIPE_SZ, 8'192), -1);
  LogDescriptor log(pipe.writer.get());
  EXPECT_FALSE(log.write(std::string(10'000, 'x') + "\n"));
  EXPECT_EQ(pipe.read_some(), std::string(8'192, 'x'));
  EXPECT_TRUE(log.write("next\n"));
  EXPECT_EQ(pipe.read_some(), "\nnext\n");
}

TEST(LogDescriptor, NeverWaitsForATerminalThatIsStopped) {
  const UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal);
  ASSERT_EQ(::grantpt(terminal.get()), 0);
  ASSERT_EQ(::unlockpt(terminal.get()), 0);
  const UniqueFd line(::open(::ptsname(terminal.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(line);
  LogDescriptor log(line.get());
  int written = 0;
  while (log.write(std::string(300, 'x') + "\n")) ASSERT_LT(++written, 10'000);
  EXPECT_GT(written, 0);
  EXPECT_EQ(::fcntl(line.get(), F_GETFL) & O_NONBLOCK, 0) << "that descriptor is not ours alone";
}

TEST(LogDescriptor, SaysThatADiskIsFull) {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  LogDescriptor log(full.get());
  EXPECT_FALSE(log.write("record\n"));
  EXPECT_EQ(errno, ENOSPC);
}

/// A service that takes datagrams, in a directory of its own.
class LogSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "log_socket.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = directory_ / "socket";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  UniqueFd serve() const {
    UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.string().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  static std::string receive(const UniqueFd& fd) {
    std::array<char, 256> data{};
    const ssize_t got = ::recv(fd.get(), data.data(), data.size(), 0);
    return {data.data(), static_cast<std::size_t>(got > 0 ? got : 0)};
  }

  std::filesystem::path directory_;
  std::filesystem::path path_;
};

TEST_F(LogSocketTest, FindsAServiceThatWasStartedAnew) {
  const LogSocket log(path_.string());
  EXPECT_FALSE(log.send("nobody there"));
  {
    const UniqueFd first = serve();
    EXPECT_TRUE(log.send("one"));
    EXPECT_EQ(receive(first), "one");
  }
  EXPECT_FALSE(log.send("gone"));
  std::filesystem::remove(path_);
  const UniqueFd second = serve();
  EXPECT_TRUE(log.send("two"));
  EXPECT_EQ(receive(second), "two");
}

TEST_F(LogSocketTest, NeverWaitsForAServiceThatHangs) {
  const UniqueFd hanging = serve();
  const LogSocket log(path_.string());
  int sent = 0;
  while (log.send("record")) ASSERT_LT(++sent, 100'000);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(receive(hanging), "record");
  EXPECT_TRUE(log.send("record"));
}

TEST_F(LogSocketTest, RefusesAPathThatFitsNoAddress) {
  EXPECT_FALSE(LogSocket(std::string(200, 'x')).send("record"));
  EXPECT_EQ(errno, ENAMETOOLONG);
}

}  // namespace
}  // namespace cardea
