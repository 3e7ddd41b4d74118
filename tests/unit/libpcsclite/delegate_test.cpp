// Loading a delegate, and who gets which call when there is one.
#include "libpcsclite/delegate.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include "base/scope_exit.hpp"
#include "libpcsclite/call_route.hpp"

namespace cardea {
namespace {

class DelegateTest : public testing::Test {
 protected:
  DelegateTest() : loaded_(load_delegate(FAKE_DELEGATE)) {}

  template <typename Function>
  static Function own_function(const char* name) {
    void* const handle = ::dlopen(FAKE_DELEGATE, RTLD_LAZY | RTLD_NOLOAD);
    return reinterpret_cast<Function>(::dlsym(handle, name));
  }
  static long calls() { return own_function<long (*)()>("fake_delegate_calls")(); }

  Result<std::optional<Functions>> loaded_;
};

/// Sends all calls of the process over `route`.
auto use(const CallRoute& route) {
  g_call_route = &route;
  return ScopeExit([] { g_call_route = nullptr; });
}

TEST_F(DelegateTest, GetsEveryCall) {
  ASSERT_TRUE(loaded_ && *loaded_);
  const CallRoute route(**loaded_, true, nullptr);
  const auto restore = use(route);
  const long before = calls();
  BYTE byte = 0;
  DWORD length = 1;
  const LONG refused = SCARD_E_UNSUPPORTED_FEATURE;
  EXPECT_EQ(SCardEstablishContext(0, nullptr, nullptr, nullptr), refused);
  EXPECT_EQ(SCardReleaseContext(1), refused);
  EXPECT_EQ(SCardIsValidContext(1), refused);
  EXPECT_EQ(SCardListReaderGroups(1, nullptr, nullptr), refused);
  EXPECT_EQ(SCardListReaders(1, nullptr, nullptr, nullptr), refused);
  EXPECT_EQ(SCardFreeMemory(1, nullptr), refused);
  EXPECT_EQ(SCardGetStatusChange(1, 0, nullptr, 0), refused);
  EXPECT_EQ(SCardCancel(1), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardConnect(1, nullptr, 0, 0, nullptr, nullptr), refused);
  EXPECT_EQ(SCardReconnect(1, 0, 0, 0, nullptr), refused);
  EXPECT_EQ(SCardDisconnect(1, 0), refused);
  EXPECT_EQ(SCardBeginTransaction(1), refused);
  EXPECT_EQ(SCardEndTransaction(1, 0), refused);
  EXPECT_EQ(SCardStatus(1, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr), refused);
  EXPECT_EQ(SCardTransmit(1, nullptr, &byte, 1, nullptr, &byte, &length), refused);
  EXPECT_EQ(SCardControl(1, 0, nullptr, 0, nullptr, 0, nullptr), refused);
  EXPECT_EQ(SCardGetAttrib(1, 0, nullptr, nullptr), refused);
  EXPECT_EQ(SCardSetAttrib(1, 0, nullptr, 0), refused);
  EXPECT_EQ(calls() - before, 18);
}

TEST_F(DelegateTest, ReachesOurOwnFunctionsWhenItCallsBack) {
  ASSERT_TRUE(loaded_ && *loaded_);
  const CallRoute route(**loaded_, true, nullptr);
  const auto restore = use(route);
  const auto call_back = own_function<void (*)(LONG(*)(SCARDCONTEXT))>("fake_delegate_calls_back");
  call_back(SCardReleaseContext);
  const ScopeExit forget([call_back] { call_back(nullptr); });
  EXPECT_EQ(SCardCancel(77), SCARD_E_INVALID_HANDLE);  // ours: it knows no such context
  EXPECT_EQ(SCardReleaseContext(77), SCARD_E_UNSUPPORTED_FEATURE);  // not marked any more
}

TEST_F(DelegateTest, GetsAPciEvenIfTheProgramHasNone) {
  ASSERT_TRUE(loaded_ && *loaded_);
  const CallRoute route(**loaded_, true, nullptr);
  const auto restore = use(route);
  BYTE byte = 0;
  DWORD length = 1;
  EXPECT_EQ(SCardTransmit(1, SCARD_PCI_T1, &byte, 1, nullptr, &byte, &length),
            SCARD_E_UNSUPPORTED_FEATURE);
}

TEST(Delegate, IsRefusedIfItCannotBeLoadedOrLacksAFunction) {
  const auto missing = load_delegate("/nowhere/delegate.so");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().context.find("/nowhere/delegate.so"), std::string::npos);
  const auto incomplete = load_delegate(INCOMPLETE_DELEGATE);
  ASSERT_FALSE(incomplete);
  EXPECT_EQ(incomplete.error().context, "it has no function SCardSetAttrib");
}

TEST(Delegate, ThatIsRefusedMakesAllCallsFail) {
  const CallRoute route(refusing_functions(), true, nullptr);
  const auto restore = use(route);
  SCARDCONTEXT context = 0;
  EXPECT_EQ(SCardEstablishContext(0, nullptr, nullptr, &context), SCARD_F_INTERNAL_ERROR);
  EXPECT_EQ(SCardIsValidContext(1), SCARD_F_INTERNAL_ERROR);
  EXPECT_EQ(SCardSetAttrib(1, 0, nullptr, 0), SCARD_F_INTERNAL_ERROR);
}

}  // namespace
}  // namespace cardea
