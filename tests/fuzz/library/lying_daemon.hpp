// A daemon that says what a fuzzer's input says: to each request an answer of the right form with
// fields changed, or any bytes, too few, too many, or none. It lives in the client's own calls to
// the kernel (connect, sendmsg, recvmsg and ppoll are wrapped by the linker): the answer to a
// request is in the socket before sendmsg() has returned, and who would have to wait for more
// finds the connection closed. So nothing here takes time. Bound to its thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/unique_fd.hpp"
#include "protocol/commands.hpp"
#include "tests/fuzz/input.hpp"

namespace cardea::fuzz {

class LyingDaemon {
 public:
  /// From now on until the end of this object all connections lead to it.
  explicit LyingDaemon(Input& input);
  ~LyingDaemon();
  LyingDaemon(const LyingDaemon&) = delete;
  LyingDaemon& operator=(const LyingDaemon&) = delete;

  /// The one that all connections lead to, if there is one.
  static LyingDaemon* current();

  /// Puts the client's end of a new connection in the place of `fd`. False: nobody is there.
  bool accept(int fd);
  /// The client has sent these bytes on `fd`.
  void hear(int fd, std::span<const std::byte> bytes);
  /// The client on `fd` wants to read: if nothing is there, nothing will come.
  void hang_up_if_silent(int fd);

 private:
  struct Connection {
    int client = -1;  ///< borrowed
    UniqueFd fd;
    std::vector<std::byte> heard;  ///< of requests that are not complete
  };

  Connection* find(int fd);
  void answer(Connection& connection, wire::Command command, std::span<const std::byte> body);
  std::vector<std::byte> good_answer(wire::Command command, std::span<const std::byte> body);
  void spoil(std::vector<std::byte>& answer);

  Input& input_;
  std::vector<Connection> connections_;
};

}  // namespace cardea::fuzz
