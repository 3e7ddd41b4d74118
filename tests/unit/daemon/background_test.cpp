#include "daemon/background.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

namespace cardea {
namespace {

/// Runs `daemon` in the background of a process of its own. The exit status of that process.
int status_of_start(const std::function<void(Background&)>& daemon) {
  const pid_t starter = ::fork();
  if (starter == 0) {
    Background background;
    int status = 0;
    if (!background.fork_child(status)) ::_exit(status);
    daemon(background);
    ::_exit(99);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(starter, &status, 0), starter);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

bool is_null(int fd) {
  struct stat opened {};
  struct stat null {};
  return ::fstat(fd, &opened) == 0 && ::stat("/dev/null", &null) == 0 &&
         opened.st_rdev == null.st_rdev && S_ISCHR(opened.st_mode);
}

TEST(Background, TheStarterEndsWithWhatTheDaemonReports) {
  for (const int status : {0, 1, 7}) {
    EXPECT_EQ(status_of_start([status](Background& background) { background.report(status); }),
              status);
  }
}

TEST(Background, TheFirstReportCounts) {
  EXPECT_EQ(status_of_start([](Background& background) {
              background.report(0);
              background.report(1);
            }),
            0);
}

TEST(Background, TheStarterSaysThatTheDaemonDied) {
  EXPECT_EQ(status_of_start([](Background&) { ::_exit(0); }), 2);
  EXPECT_EQ(status_of_start([](Background&) { ::raise(SIGKILL); }), 2);
}

TEST(Background, TheDaemonHasASessionOfItsOwnAndNoTerminal) {
  EXPECT_EQ(status_of_start([](Background& background) {
              const bool good = ::getsid(0) == ::getpid() && is_null(STDIN_FILENO) &&
                                is_null(STDOUT_FILENO) && background.is_starting();
              background.report(good ? 0 : 1);
            }),
            0);
}

TEST(Background, TheDaemonLetsGoOfStandardErrorWhenItHasReported) {
  int ends[2];
  int life[2];  // of the daemon: until the test closes its end
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::pipe(life), 0);
  const int kept = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  ::close(ends[1]);
  EXPECT_EQ(status_of_start([life](Background& background) {
              ::close(life[1]);
              (void)!::write(STDERR_FILENO, "!", 1);
              background.report(0);
              char word = 0;
              (void)!::read(life[0], &word, 1);
            }),
            0);
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  char text[2];
  EXPECT_EQ(::read(ends[0], text, sizeof text), 1);
  EXPECT_EQ(::read(ends[0], text, sizeof text), 0) << "end of file, although the daemon lives";
  for (const int fd : {ends[0], life[0], life[1]}) ::close(fd);
}

TEST(Background, NothingHappensToAProcessThatStaysInTheForeground) {
  const int before = ::fcntl(STDERR_FILENO, F_GETFL);
  struct stat first {};
  ASSERT_EQ(::fstat(STDERR_FILENO, &first), 0);
  Background background;
  EXPECT_FALSE(background.is_starting());
  background.report(1);
  struct stat second {};
  ASSERT_EQ(::fstat(STDERR_FILENO, &second), 0);
  EXPECT_EQ(first.st_ino, second.st_ino);
  EXPECT_EQ(::fcntl(STDERR_FILENO, F_GETFL), before);
}

}  // namespace
}  // namespace cardea
