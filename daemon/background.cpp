#include "daemon/background.hpp"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace cardea {
namespace {

constexpr int kStatusNoChild = 1;
constexpr int kStatusChildDied = 2;

/// Waits for the child's word.
int wait_for_report(int pipe_end) {
  char status = 0;
  ssize_t count = 0;
  do {
    count = ::read(pipe_end, &status, 1);
  } while (count < 0 && errno == EINTR);
  return count == 1 ? status : kStatusChildDied;
}

void redirect_to_null(int fd, int flags) {
  const UniqueFd null(::open("/dev/null", flags | O_CLOEXEC));
  if (null) ::dup2(null.get(), fd);
}

}  // namespace

bool Background::fork_child(int& status) {
  status = kStatusNoChild;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    std::perror("pcscd: pipe");
    return false;
  }
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) {
    std::perror("pcscd: fork");
    return false;
  }
  if (child > 0) {
    write_end.reset();
    status = wait_for_report(read_end.get());
    return false;
  }
  word_ = std::move(write_end);
  ::setsid();
  redirect_to_null(STDIN_FILENO, O_RDONLY);
  redirect_to_null(STDOUT_FILENO, O_WRONLY);
  return true;
}

void Background::report(int status) {
  if (!word_) return;
  redirect_to_null(STDERR_FILENO, O_WRONLY);
  const char word = static_cast<char>(status);
  (void)!::write(word_.get(), &word, 1);
  word_.reset();
}

}  // namespace cardea
