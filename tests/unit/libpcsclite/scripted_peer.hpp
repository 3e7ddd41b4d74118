// The daemon's end of a socketpair, for tests of single exchanges: bytes in, bytes out, whenever
// the test likes. Answers may be written before the request is made; the socket keeps them.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "base/assert.hpp"
#include "fake_daemon.hpp"
#include "libpcsclite/server_link.hpp"

namespace cardea::test {

class ScriptedPeer {
 public:
  ScriptedPeer() : link_(make_pair()) {}

  ServerLink& link() { return link_; }

  void say(const Bytes& bytes) const {
    ASSERT_EQ(::send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  /// Byte by byte, from another thread, so that the library meets them one at a time.
  std::thread dribble(Bytes bytes) const {
    return std::thread([fd = peer_.get(), bytes = std::move(bytes)] {
      for (const std::byte byte : bytes) {
        while (::send(fd, &byte, 1, MSG_NOSIGNAL) != 1) std::this_thread::yield();
        std::this_thread::yield();
      }
    });
  }
  /// What the library has sent so far.
  [[nodiscard]] Bytes heard() const {
    std::array<std::byte, 4096> buffer{};
    const ssize_t got = ::recv(peer_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return Bytes(buffer.begin(), buffer.begin() + std::max<ssize_t>(got, 0));
  }
  /// Waits until something was sent, without reading it.
  void await_request() const {
    std::byte byte{};
    ASSERT_EQ(::recv(peer_.get(), &byte, 1, MSG_PEEK), 1);
  }
  void close() { peer_.reset(); }

 private:
  UniqueFd make_pair() {
    std::array<int, 2> fds{};
    CARDEA_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
    peer_.reset(fds[1]);
    return UniqueFd(fds[0]);
  }

  UniqueFd peer_;
  ServerLink link_;
};

}  // namespace cardea::test
