// A forked child and the contexts of its parent.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "client_test.hpp"

namespace cardea {
namespace {

using test::FakeDaemon;

/// Runs `body` in a child; true if it returned true there within a while.
bool holds_in_child(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);  // a child that blocks is a failure
    ::_exit(body() ? 0 : 1);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

class Fork : public testing::Test {
 protected:
  Fork() : daemon_(test::one_reader()) {
    test::use_daemon(daemon_);
    context_ = test::establish_context();
    card_ = test::connect_card(context_);
  }
  ~Fork() override { SCardReleaseContext(context_); }

  FakeDaemon daemon_;
  SCARDCONTEXT context_ = 0;
  SCARDHANDLE card_ = 0;
};

TEST_F(Fork, LeavesTheChildNoHandles) {
  const int requests = daemon_.seen(wire::Command::release_context);
  EXPECT_TRUE(holds_in_child([this] {
    DWORD length = 0;
    return SCardIsValidContext(context_) == SCARD_E_INVALID_HANDLE &&
           SCardListReaders(context_, nullptr, nullptr, &length) == SCARD_E_INVALID_HANDLE &&
           SCardBeginTransaction(card_) == SCARD_E_INVALID_HANDLE &&
           SCardCancel(context_) == SCARD_E_INVALID_HANDLE &&
           SCardReleaseContext(context_) == SCARD_E_INVALID_HANDLE;
  }));
  EXPECT_EQ(daemon_.seen(wire::Command::release_context), requests);
  EXPECT_EQ(SCardBeginTransaction(card_), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardIsValidContext(context_), SCARD_S_SUCCESS);
}

TEST_F(Fork, LetsTheChildHaveItsOwnContext) {
  EXPECT_TRUE(holds_in_child([] {
    SCARDCONTEXT own = 0;
    DWORD length = 0;
    return SCardEstablishContext(2, nullptr, nullptr, &own) == SCARD_S_SUCCESS &&
           SCardListReaders(own, nullptr, nullptr, &length) == SCARD_S_SUCCESS &&
           SCardReleaseContext(own) == SCARD_S_SUCCESS;
  }));
}

TEST_F(Fork, DoesNotCopyALockedLibrary) {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) {
      (void)SCardIsValidContext(context_);
      const SCARDCONTEXT other = test::establish_context();
      (void)SCardReleaseContext(other);
    }
  });
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(holds_in_child([this] {
      SCARDCONTEXT own = 0;
      return SCardIsValidContext(context_) == SCARD_E_INVALID_HANDLE &&
             SCardEstablishContext(2, nullptr, nullptr, &own) == SCARD_S_SUCCESS;
    }));
  }
  stop = true;
  busy.join();
}

}  // namespace
}  // namespace cardea
