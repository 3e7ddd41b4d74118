// cardea-virtual SOCKET COMMAND...: sends one command to the control socket of a virtual reader,
// prints the answer. Exit status 0: ok, 1: the reader refused, 2: usage, or no answer.
#include <getopt.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "base/unix_socket.hpp"

namespace {

constexpr int kExitOk = 0;
constexpr int kExitRefused = 1;
constexpr int kExitTrouble = 2;
constexpr int kAnswerTimeoutSeconds = 10;
constexpr std::size_t kSocketPathBytesMax = 107;

constexpr const char* kUsage =
    "Usage: cardea-virtual SOCKET COMMAND...\n"
    "Sends a command to a virtual reader, whose DEVICENAME says control=SOCKET.\n"
    "\n"
    "Commands:\n"
    "  insert SLOT [hello|mute] [atr=t0|t1|t01]  put a card into an empty slot\n"
    "  remove SLOT [unseen]                      take the card out; unseen: without a word of it\n"
    "  status                                    one line per slot\n"
    "  help                                      what the reader itself offers\n"
    "\n"
    "Options:\n"
    "  -h, --help                                this text\n"
    "\n"
    "Exit status: 0 done, 1 the reader refused, 2 wrong usage or no answer.\n";

int complain(const std::string& text) {
  std::fprintf(stderr, "cardea-virtual: %s\n", text.c_str());
  return kExitTrouble;
}

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool is_line(std::string_view line, std::string_view word) {
  return line == word || (line.starts_with(word) && line[word.size()] == ' ');
}

/// Prints lines until the one that ends the answer.
int print_answer(int fd) {
  std::string input;
  std::array<char, 4096> buffer{};
  while (true) {
    for (std::size_t end = input.find('\n'); end != std::string::npos; end = input.find('\n')) {
      const std::string line = input.substr(0, end);
      input.erase(0, end + 1);
      const bool is_error = is_line(line, "error");
      std::fprintf(is_error ? stderr : stdout, "%s\n", line.c_str());
      if (is_error) return kExitRefused;
      if (is_line(line, "ok")) return kExitOk;
    }
    const ssize_t received = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return complain(std::string("no answer: ") + std::strerror(errno));
    if (received == 0) return complain("the reader hung up before it answered");
    input.append(buffer.data(), static_cast<std::size_t>(received));
  }
}

int run_command(const std::string& path, const std::string& command) {
  if (path.size() > kSocketPathBytesMax) return complain("the socket path is too long");
  if (command.find('\n') != std::string::npos) return complain("a command is one line");
  const cardea::Result<cardea::UniqueFd> fd = cardea::connect_unix(path);
  if (!fd) return complain(fd.error().context);
  const timeval timeout{kAnswerTimeoutSeconds, 0};
  if (::setsockopt(fd->get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
      ::setsockopt(fd->get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) != 0) {
    return complain(std::string("setsockopt: ") + std::strerror(errno));
  }
  if (!send_all(fd->get(), command + "\n")) {
    return complain(std::string("cannot send: ") + std::strerror(errno));
  }
  return print_answer(fd->get());
}

}  // namespace

int main(int argc, char** argv) {
  const std::array<option, 2> options = {{{"help", no_argument, nullptr, 'h'}, {}}};
  // '+': a command's own words are never options.
  for (int c = 0; (c = ::getopt_long(argc, argv, "+h", options.data(), nullptr)) != -1;) {
    std::fputs(kUsage, c == 'h' ? stdout : stderr);
    return c == 'h' ? kExitOk : kExitTrouble;
  }
  if (argc - optind < 2) {
    std::fputs(kUsage, stderr);
    return kExitTrouble;
  }
  std::string command = argv[optind + 1];
  for (int i = optind + 2; i < argc; ++i) command += std::string(" ") + argv[i];
  return run_command(argv[optind], command);
}
