// What a program at the other end of a connection is called in records.
#include "daemon/auth/peer_identity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace cardea {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

PeerCredentials this_process() {
  PeerCredentials peer;
  peer.pid = ::getpid();
  peer.uid = 4242;
  return peer;
}

TEST(PeerIdentity, NamesTheProgram) {
  const PeerIdentity who = identify(this_process());
  EXPECT_THAT(who.text, HasSubstr("daemon_auth_test (pid " + std::to_string(::getpid())));
  EXPECT_THAT(who.text, HasSubstr("uid 4242"));
}

TEST(PeerIdentity, OfNobodyHasANumberOnly) {
  PeerCredentials peer = this_process();
  peer.pid = -1;
  EXPECT_EQ(identify(peer).text, "a program that has exited (pid -1, uid 4242)");
}

/// The number of the one that has ended belongs to us now, as far as the credentials tell.
TEST(PeerIdentity, IsNotThatOfAnotherWithTheSameNumber) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  if (pidfd) {
    EXPECT_THAT(identify(this_process(), pidfd).text, HasSubstr("daemon_auth_test"));
  }
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  if (!pidfd) GTEST_SKIP() << "this kernel has no pidfd";
  const PeerIdentity who = identify(this_process(), pidfd);
  EXPECT_THAT(who.text, StartsWith("a program that has exited (pid "));
  for (const auto& [name, value] : who.fields) {
    if (name == "CLIENT_EXE" || name == "CLIENT_NAME") {
      EXPECT_EQ(value, "");
    }
  }
}

}  // namespace
}  // namespace cardea
