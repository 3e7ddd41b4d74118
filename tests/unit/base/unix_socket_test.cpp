#include "base/unix_socket.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

namespace cardea {
namespace {

namespace fs = std::filesystem;

class UnixSocketTest : public testing::Test {
 protected:
  UnixSocketTest() {
    std::string name = (fs::temp_directory_path() / "unix_socket_test.XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    path_ = directory_ / "socket";
  }
  ~UnixSocketTest() override { fs::remove_all(directory_); }

  fs::path directory_;
  std::string path_;
};

TEST_F(UnixSocketTest, TellsWhetherSomebodyListens) {
  EXPECT_FALSE(is_served(path_)) << "there is nothing";
  auto listener = listen_unix(path_, 1);
  ASSERT_TRUE(listener);
  EXPECT_TRUE(is_served(path_));
  listener->reset();
  EXPECT_TRUE(fs::exists(path_));
  EXPECT_FALSE(is_served(path_)) << "the socket was left behind";
}

TEST_F(UnixSocketTest, TellsItOfSomebodyWhoseQueueIsFullAsWell) {
  const auto listener = listen_unix(path_, 0);
  ASSERT_TRUE(listener);
  const auto waiting = connect_unix(path_);
  ASSERT_TRUE(waiting);
  EXPECT_TRUE(is_served(path_)) << "a connect() that waits would never return";
}

TEST_F(UnixSocketTest, KnowsThePathOfAListener) {
  const auto listener = listen_unix(path_, 1);
  ASSERT_TRUE(listener);
  // The name it was made with: clients find it under the other only when it listens.
  EXPECT_EQ(unix_path(listener->get()), path_ + ".new");
  EXPECT_EQ(unix_path(-1), "");
}

}  // namespace
}  // namespace cardea
