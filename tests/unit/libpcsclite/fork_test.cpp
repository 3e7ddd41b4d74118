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

TEST_F(Fork, GivesTheChildAConnectionOfItsOwn) {
  const int connections = daemon_.connections();
  EXPECT_TRUE(holds_in_child([this] {
    DWORD length = 0;
    return SCardIsValidContext(context_) == SCARD_S_SUCCESS &&
           SCardListReaders(context_, nullptr, nullptr, &length) == SCARD_S_SUCCESS &&
           SCardReleaseContext(context_) == SCARD_S_SUCCESS &&
           SCardIsValidContext(context_) == SCARD_E_INVALID_HANDLE;
  }));
  EXPECT_EQ(daemon_.connections(), connections + 1);
  EXPECT_EQ(SCardIsValidContext(context_), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardBeginTransaction(card_), SCARD_S_SUCCESS);
}

TEST_F(Fork, LeavesHandlesToTheParentUntilTheChildReconnects) {
  EXPECT_EQ(SCardBeginTransaction(card_), SCARD_S_SUCCESS);
  const int begins = daemon_.seen(wire::Command::begin_transaction);
  EXPECT_TRUE(holds_in_child([this] {
    return SCardEndTransaction(card_, SCARD_RESET_CARD) == SCARD_W_RESET_CARD &&
           SCardBeginTransaction(card_) == SCARD_W_RESET_CARD;
  }));
  EXPECT_EQ(daemon_.seen(wire::Command::begin_transaction), begins);
  EXPECT_EQ(daemon_.seen(wire::Command::end_transaction), 0);
  EXPECT_TRUE(holds_in_child([this] {
    DWORD protocol = 0;
    return SCardReconnect(card_, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, SCARD_LEAVE_CARD,
                          &protocol) == SCARD_S_SUCCESS &&
           SCardBeginTransaction(card_) == SCARD_S_SUCCESS;
  }));
  EXPECT_EQ(SCardEndTransaction(card_, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
}

TEST_F(Fork, LeavesTheChildNothingIfItMayNotReattach) {
  library().set_environment_for_test({daemon_.path(), false, /*reattaches=*/false});
  EXPECT_TRUE(holds_in_child([this] {
    DWORD length = 0;
    return SCardListReaders(context_, nullptr, nullptr, &length) == SCARD_E_NO_SERVICE &&
           SCardBeginTransaction(card_) == SCARD_E_NO_SERVICE;
  }));
  EXPECT_EQ(SCardBeginTransaction(card_), SCARD_S_SUCCESS);
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
      return SCardIsValidContext(context_) == SCARD_S_SUCCESS &&
             SCardEstablishContext(2, nullptr, nullptr, &own) == SCARD_S_SUCCESS;
    }));
  }
  stop = true;
  busy.join();
}

}  // namespace
}  // namespace cardea
