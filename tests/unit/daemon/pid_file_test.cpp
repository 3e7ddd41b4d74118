#include "daemon/pid_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

namespace cardea {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A process of its own, because a lock does not keep its own process out.
class Child {
 public:
  /// Runs `begin`, then waits for a signal to end it or for finish().
  explicit Child(const std::function<bool()>& begin) {
    int to_child[2];
    int to_parent[2];
    EXPECT_EQ(::pipe(to_child), 0);
    EXPECT_EQ(::pipe(to_parent), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(to_child[1]);
      ::close(to_parent[0]);
      const char began = begin() ? 'y' : 'n';
      (void)!::write(to_parent[1], &began, 1);
      char word = 0;
      (void)!::read(to_child[0], &word, 1);
      ::_exit(0);
    }
    ::close(to_child[0]);
    ::close(to_parent[1]);
    end_.reset(to_child[1]);
    const UniqueFd answer(to_parent[0]);
    char word = 0;
    began_ = ::read(answer.get(), &word, 1) == 1 && word == 'y';
  }
  ~Child() {
    if (pid_ > 0) finish();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool began() const { return began_; }
  /// The wait status. Nothing of the child's C++ objects is destroyed: it leaves as in a crash.
  int finish() {
    end_.reset();
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_ = 0;
  bool began_ = false;
  UniqueFd end_;
};

class PidFileTest : public testing::Test {
 protected:
  PidFileTest() {
    std::string name = (fs::temp_directory_path() / "pid_file_test.XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    path_ = directory_ / "pcscd.pid";
  }
  ~PidFileTest() override { fs::remove_all(directory_); }

  [[nodiscard]] std::string content() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }
  [[nodiscard]] std::function<bool()> holding() const {
    return [path = path_] {
      static std::unique_ptr<PidFile> kept;
      auto made = PidFile::create(path);
      if (made) kept = std::move(*made);
      return kept != nullptr;
    };
  }

  fs::path directory_;
  std::string path_;
};

TEST_F(PidFileTest, LiesBesideTheSocket) {
  EXPECT_EQ(PidFile::path_for("/run/pcscd/pcscd.comm"), "/run/pcscd/pcscd.pid");
  EXPECT_EQ(PidFile::path_for("/tmp/a.b/socket"), "/tmp/a.b/socket.pid");
  EXPECT_EQ(PidFile::path_for("/tmp/x.pid"), "/tmp/x.pid.pid");
}

TEST_F(PidFileTest, HoldsThePidAndANewlineForAllToRead) {
  const mode_t before = ::umask(0077);
  const auto file = PidFile::create(path_);
  ::umask(before);
  ASSERT_TRUE(file);
  EXPECT_EQ(content(), std::to_string(::getpid()) + "\n");
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode, S_IFREG | 0644u);
  ASSERT_EQ(::stat((path_ + ".lock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode, S_IFREG | 0600u) << "nobody else may hold the lock";
}

TEST_F(PidFileTest, LeavesNothingBehind) {
  { ASSERT_TRUE(PidFile::create(path_)); }
  EXPECT_TRUE(fs::is_empty(directory_));
}

TEST_F(PidFileTest, RefusesASecondDaemonAndSaysWhoIsThere) {
  Child daemon(holding());
  ASSERT_TRUE(daemon.began());
  const auto second = PidFile::create(path_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().rv, ScardRv::sharing_violation);
  EXPECT_EQ(second.error().context, "pid " + std::to_string(daemon.pid()));
  EXPECT_EQ(content(), std::to_string(daemon.pid()) + "\n");
}

TEST_F(PidFileTest, ReplacesWhatADaemonThatDiedLeftBehind) {
  {
    Child daemon(holding());
    ASSERT_TRUE(daemon.began());
  }
  ASSERT_TRUE(fs::exists(path_));
  ASSERT_TRUE(PidFile::create(path_));
}

TEST_F(PidFileTest, IsNotMisledByThePidOfAnotherProcess) {
  std::ofstream(path_) << ::getppid() << "\n";
  const auto file = PidFile::create(path_);
  ASSERT_TRUE(file);
  EXPECT_EQ(content(), std::to_string(::getpid()) + "\n");
}

TEST_F(PidFileTest, OneOfManyStartsWins) {
  static constexpr int kStarts = 8;
  int ready[2];
  int results[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(results), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < kStarts; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ready[1]);
      ::close(results[0]);
      char word = 0;
      (void)!::read(ready[0], &word, 1);  // until the start shot: the pipe is closed
      const auto made = PidFile::create(path_);
      word = made ? 'w' : 'l';
      (void)!::write(results[1], &word, 1);
      ::pause();
    }
    children.push_back(child);
  }
  ::close(ready[0]);
  ::close(ready[1]);
  int winners = 0;
  for (int i = 0; i < kStarts; ++i) {
    char word = 0;
    ASSERT_EQ(::read(results[0], &word, 1), 1);
    winners += word == 'w' ? 1 : 0;
  }
  for (const pid_t child : children) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  ::close(results[0]);
  ::close(results[1]);
  EXPECT_EQ(winners, 1);
}

TEST_F(PidFileTest, LeavesAloneWhatAnotherDaemonMadeInAnEmptiedDirectory) {
  auto file = PidFile::create(path_);
  ASSERT_TRUE(file);
  fs::remove(path_);
  fs::remove(path_ + ".lock");
  Child other(holding());
  ASSERT_TRUE(other.began());
  file->reset();
  EXPECT_EQ(content(), std::to_string(other.pid()) + "\n");
}

TEST_F(PidFileTest, SaysThatTheDirectoryIsMissing) {
  const auto file = PidFile::create((directory_ / "missing" / "pcscd.pid").string());
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().rv, ScardRv::no_service);
  EXPECT_THAT(file.error().context, HasSubstr("missing/pcscd.pid.lock"));
}

TEST_F(PidFileTest, SignalsTheDaemon) {
  Child daemon(holding());
  ASSERT_TRUE(daemon.began());
  ASSERT_TRUE(PidFile::signal_owner(path_, SIGUSR1));
  const int status = daemon.finish();
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGUSR1);
}

TEST_F(PidFileTest, SignalsNobodyElse) {
  const auto nobody = PidFile::signal_owner(path_, SIGUSR1);
  ASSERT_FALSE(nobody);
  EXPECT_THAT(nobody.error().context, HasSubstr("no pcscd"));
  // A pid file that was left behind, and now is the number of a process that never asked for it.
  Child bystander([] { return true; });
  std::ofstream(path_) << bystander.pid() << "\n";
  EXPECT_FALSE(PidFile::signal_owner(path_, SIGUSR1));
  std::ofstream(path_ + ".lock") << "";
  EXPECT_FALSE(PidFile::signal_owner(path_, SIGUSR1));
  EXPECT_EQ(bystander.finish(), 0) << "not ended by a signal";
}

}  // namespace
}  // namespace cardea
