// What the tests of the exported functions share: a fake daemon, the library pointed at it, and
// counters of the library's reads and writes.
#pragma once

#include <gtest/gtest.h>
#include <winscard.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "fake_daemon.hpp"
#include "libpcsclite/library.hpp"

namespace cardea::test {

/// Calls of the calling thread to sendmsg and recvmsg so far; the linker wraps both.
struct SocketCalls {
  int sends = 0;
  int receives = 0;
};
SocketCalls socket_calls();

inline constexpr const char* kReader = "Fake Reader 00 00";
inline constexpr std::uint32_t kCardIn = 0x34;
inline constexpr std::uint32_t kCardOut = 0x02;

/// A daemon with one reader and a card in it.
inline FakeDaemon::Options one_reader() {
  FakeDaemon::Options options;
  options.readers = {slot(kReader, kCardIn)};
  return options;
}

/// Points the library at `daemon` as if the process had just started.
inline void use_daemon(const FakeDaemon& daemon, bool no_blocking = false) {
  library().set_environment_for_test({daemon.path(), no_blocking, /*reattaches=*/true});
  library().agreed_version.forget();
}

inline SCARDCONTEXT establish_context() {
  SCARDCONTEXT context = 0;
  EXPECT_EQ(SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context), SCARD_S_SUCCESS);
  return context;
}

inline SCARDHANDLE connect_card(SCARDCONTEXT context) {
  SCARDHANDLE card = 0;
  DWORD protocol = 0;
  EXPECT_EQ(
      SCardConnect(context, kReader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &card, &protocol),
      SCARD_S_SUCCESS);
  return card;
}

/// A command of four bytes, which the fake daemon echoes.
inline LONG transmit(SCARDHANDLE card) {
  const std::array<BYTE, 4> command{};
  std::array<BYTE, 8> response{};
  DWORD length = response.size();
  return SCardTransmit(card, SCARD_PCI_T1, command.data(), command.size(), nullptr, response.data(),
                       &length);
}

inline LONG list_readers(SCARDCONTEXT context) {
  DWORD length = 0;
  return SCardListReaders(context, nullptr, nullptr, &length);
}

inline SCARD_READERSTATE entry(const char* name, DWORD current) {
  SCARD_READERSTATE result{};
  result.szReader = name;
  result.dwCurrentState = current;
  return result;
}

}  // namespace cardea::test
