// Serves the control socket of one reader: a Unix stream socket, text lines, an answer to each
// line before the next is read. Any number of clients after each other, kClientsMax at once.
// Owned by its reader; one thread of its own does everything, including the commands.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "drivers/virtual/wake_event.hpp"

namespace cardea::virtual_reader {

class ControlServer {
 public:
  static constexpr std::size_t kClientsMax = 16;
  static constexpr std::size_t kLineBytesMax = 256;

  /// Runs one command line (without newline), returns the answer, ended by a newline.
  using Execute = std::function<std::string(std::string_view line)>;

  /// Creates the socket with mode 0600. A socket file nobody listens on is replaced. Error: the
  /// path is in use, is something else than a socket, or cannot be created.
  static Result<std::unique_ptr<ControlServer>> create(const std::string& path, Execute execute);
  /// Ends the thread, hangs up on all clients and removes the socket file.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  struct Client {
    UniqueFd fd;
    std::string input;  ///< the start of a line, at most kLineBytesMax
  };

  ControlServer(std::string path, Execute execute, UniqueFd listener, WakeEvent stop);
  void run();
  bool accept_client();
  bool serve(Client& client);
  bool answer_lines(Client& client);
  static bool send_answer(const Client& client, std::string_view answer);

  const std::string path_;
  const Execute execute_;
  const UniqueFd listener_;
  WakeEvent stop_;
  struct stat created_ {};       ///< identifies our socket file: another may have taken its place
  std::vector<Client> clients_;  // own thread only
  std::thread thread_;
};

}  // namespace cardea::virtual_reader
