// Records reach files and sockets whole, and a destination that fails harms nobody.
#include "libpcsclite/trace_sink.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cstring>
#include <thread>

#include "trace_files.hpp"

namespace cardea {
namespace {

using test::lines_of;
using testing::ElementsAre;

class TraceSinkTest : public testing::Test {
 protected:
  /// A datagram socket at file("socket").
  UniqueFd receiver() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, file("socket").c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  /// "" if nothing has arrived.
  static std::string receive(const UniqueFd& fd) {
    std::string text(1 << 20, '\0');
    const ssize_t bytes = ::recv(fd.get(), text.data(), text.size(), MSG_DONTWAIT);
    text.resize(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
    return text;
  }
  /// The number under which this process has the file open.
  static int descriptor_of(const std::string& path) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      if (std::filesystem::read_symlink(entry, gone) == path) {
        return std::stoi(entry.path().filename());
      }
    }
    ADD_FAILURE() << path << " is not open";
    return -1;
  }
  [[nodiscard]] std::string file(const std::string& name) const { return directory_.file(name); }
  std::unique_ptr<TraceSink> sink(const std::string& name) {
    auto made = TraceSink::to_path(file(name));
    EXPECT_TRUE(made);
    return made ? std::move(*made) : nullptr;
  }

  test::TraceDirectory directory_;
};

TEST_F(TraceSinkTest, AppendsToAFileThatOnlyItsOwnerReads) {
  sink("trace")->write("one");
  sink("trace")->write("two");
  EXPECT_THAT(lines_of(file("trace")), ElementsAre("one", "two"));
  struct stat found {};
  ASSERT_EQ(::stat(file("trace").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST_F(TraceSinkTest, SendsOneDatagramForARecord) {
  const UniqueFd from = receiver();
  const auto to = sink("socket");
  to->write("one");
  to->write(std::string(50000, 'x'));
  EXPECT_EQ(receive(from), "one\n");
  EXPECT_EQ(receive(from), std::string(50000, 'x') + "\n");
  EXPECT_EQ(receive(from), "");
}

TEST_F(TraceSinkTest, SaysWhyItCannotWriteThere) {
  const auto refusal = [](const std::string& path) {
    const auto made = TraceSink::to_path(path);
    return made ? "none" : made.error().context;
  };
  EXPECT_EQ(refusal(file("no/trace")), file("no/trace") + ": No such file or directory");
  ASSERT_EQ(::mkfifo(file("fifo").c_str(), 0600), 0);
  const UniqueFd reader(::open(file("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_EQ(refusal(file("fifo")), file("fifo") + ": neither a file nor a datagram socket");
  (void)receiver();  // bound, and closed at once
  EXPECT_EQ(refusal(file("socket")), file("socket") + ": Connection refused");
}

TEST_F(TraceSinkTest, DoesNotMindARelativePathWhenTheDirectoryChanges) {
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(directory_.file(""));
  auto made = TraceSink::to_path("trace");
  std::filesystem::current_path(before);
  ASSERT_TRUE(made);
  ::close(descriptor_of(file("trace")));  // it has to be opened anew
  (*made)->write("one");
  EXPECT_THAT(lines_of(file("trace")), ElementsAre("one"));
}

TEST_F(TraceSinkTest, LeavesAloneADescriptorThatTheProgramTookOver) {
  const auto to = sink("trace");
  to->write("one");
  // As a daemon: closes what it does not know, then opens a file of its own, which gets the number.
  const int ours = descriptor_of(file("trace"));
  const UniqueFd own(::open(file("own").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::dup3(own.get(), ours, O_CLOEXEC), ours);
  to->write("two");
  EXPECT_THAT(lines_of(file("own")), ElementsAre());
  EXPECT_THAT(lines_of(file("trace")), ElementsAre("one", "two"));
  ::close(ours);
}

TEST_F(TraceSinkTest, DropsWhatAReceiverDoesNotTakeAndCountsIt) {
  const UniqueFd from = receiver();
  const auto to = sink("socket");
  const std::string record(1000, 'x');
  int written = 0;
  bool stalled = false;
  while (!stalled && written < 1'000'000) {
    const TimePoint start = Clock::now();
    to->write(record);
    ++written;
    stalled = Clock::now() - start >= kTraceStallMax;
  }
  ASSERT_TRUE(stalled);
  // From now on nobody waits.
  const TimePoint start = Clock::now();
  for (int i = 0; i < 100; ++i) to->write(record);
  EXPECT_LT(Clock::now() - start, kTraceStallMax);
  int received = 0;
  while (!receive(from).empty()) ++received;
  EXPECT_EQ(received, written - 1);
  to->write("later");
  EXPECT_EQ(receive(from), "{\"event\":\"lost\",\"count\":101}\n");
  EXPECT_EQ(receive(from), "later\n");
}

TEST_F(TraceSinkTest, SurvivesAReceiverThatHasGone) {
  UniqueFd from = receiver();
  const auto to = sink("socket");
  from.reset();
  errno = EDOM;
  to->write("one");
  EXPECT_EQ(errno, EDOM);
}

TEST_F(TraceSinkTest, DoesNotMixRecordsOfThreads) {
  const auto to = sink("trace");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&to, i] {
      for (int n = 0; n < 200; ++n) to->write(std::string(3000, static_cast<char>('a' + i)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto lines = lines_of(file("trace"));
  EXPECT_EQ(lines.size(), 800u);
  for (const std::string& line : lines) EXPECT_EQ(line, std::string(3000, line[0]));
}

TEST_F(TraceSinkTest, DoesNotEndAProgramWhoseStderrIsABrokenPipe) {
  const pid_t child = ::fork();
  if (child == 0) {
    int ends[2];
    if (::pipe(ends) != 0 || ::dup2(ends[1], STDERR_FILENO) < 0) ::_exit(1);
    ::close(ends[0]);
    ::close(ends[1]);
    TraceSink::to_stderr()->write("one");
    ::_exit(7);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7) << status;
}

}  // namespace
}  // namespace cardea
