#include "daemon/auth/peer_process.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

namespace cardea::auth {
namespace {

using testing::AnyOf;
using testing::Contains;

std::string stat_of(const std::string& name) {
  std::string text = "4711 (" + name + ") S";
  for (int field = 4; field <= 52; ++field) text += " " + std::to_string(field * 100);
  return text + "\n";
}

TEST(StartTime, IsField22WhateverTheProgramIsCalled) {
  for (const char* name : {"pcsc_scan", "a b", ") S 1 2 3 4 5", "((", ""}) {
    EXPECT_EQ(parse_start_time(stat_of(name)), 2200u) << name;
  }
}

TEST(StartTime, OfNonsenseIsUnknown) {
  for (const char* text : {"", "4711", "4711 (x)", "4711 (x) S 1 2 3", "4711 (x"}) {
    EXPECT_FALSE(parse_start_time(text).has_value()) << text;
  }
}

TEST(StartTime, OfThisProcessIsKnown) {
  EXPECT_GT(start_time(::getpid()).value_or(0), 0u);
  EXPECT_FALSE(start_time(0).has_value());
}

class Peer : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  }
  void TearDown() override {
    for (const int end : ends) ::close(end);
  }
  std::array<int, 2> ends{-1, -1};
};

TEST_F(Peer, HasItsGroups) {
  const auto groups = peer_groups(ends[0], 4242);
  EXPECT_THAT(groups, Contains(4242u));
  std::array<gid_t, 1024> mine{};
  const int count = ::getgroups(static_cast<int>(mine.size()), mine.data());
  for (int i = 0; i < count; ++i) {
    EXPECT_THAT(groups, Contains(mine.at(static_cast<std::size_t>(i))));
  }
}

TEST_F(Peer, LivesWhileItsPidfdSaysSo) {
  const UniqueFd pidfd = peer_pidfd(ends[0]);
  if (!pidfd) GTEST_SKIP() << "this kernel has no SO_PEERPIDFD";
  EXPECT_FALSE(has_exited(pidfd));
}

TEST_F(Peer, ThatHasExitedIsKnownAsSuch) {
  std::array<int, 2> theirs{-1, -1};
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // A pair made here has this process as its peer; the parent gets one end.
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, theirs.data()) != 0) ::_exit(1);
    std::array<char, CMSG_SPACE(sizeof(int))> control{};
    char byte = 0;
    iovec part{&byte, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    *header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    *reinterpret_cast<int*>(CMSG_DATA(header)) = theirs[0];
    ::_exit(::sendmsg(ends[1], &message, 0) == 1 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  std::array<char, CMSG_SPACE(sizeof(int))> control{};
  char byte = 0;
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ASSERT_EQ(::recvmsg(ends[0], &message, MSG_CMSG_CLOEXEC), 1);
  const UniqueFd socket(*reinterpret_cast<const int*>(CMSG_DATA(CMSG_FIRSTHDR(&message))));
  // Some kernels name a process that is gone, others do not; none calls it alive.
  const UniqueFd pidfd = peer_pidfd(socket.get());
  EXPECT_TRUE(!pidfd || has_exited(pidfd));
}

TEST(SessionState, IsOneOfItsWords) {
  EXPECT_THAT(session_state(::getpid(), ::getuid()),
              AnyOf("active", "inactive", "remote", "none", "unknown (no logind)"));
}

}  // namespace
}  // namespace cardea::auth
