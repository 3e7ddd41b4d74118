#include "bench/processes.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/session.hpp"

namespace cardea::bench {
namespace {

/// More than any service needs to accept and connect all clients of a run.
constexpr int kReadyWaitMsMax = 60'000;

}  // namespace

Signal::Signal() : fd_(::eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_) fail("eventfd");
}

void Signal::raise() const {
  if (::eventfd_write(fd_.get(), 1) != 0) fail("eventfd_write");
}

bool Signal::take(int timeout_ms) const {
  for (;;) {
    eventfd_t value = 0;
    if (::eventfd_read(fd_.get(), &value) == 0) return true;
    pollfd waiting{fd_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, timeout_ms) == 0) return false;
  }
}

Processes::Processes(int count, const Body& body) {
  for (int index = 0; index < count; ++index) {
    const pid_t child = ::fork();
    if (child < 0) fail("fork");
    if (child == 0) run_child(index, body);
    children_.push_back(child);
  }
  for (int i = 0; i < count; ++i) {
    if (!ready_.take(kReadyWaitMsMax)) fail("a client did not get ready");
  }
}

Processes::~Processes() {
  for (const pid_t child : children_) ::kill(child, SIGKILL);
}

void Processes::run_child(int index, const Body& body) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  body(index, [this] {
    ready_.raise();
    (void)go_.take(-1);
  });
  ::_exit(0);
}

void Processes::go() {
  for (std::size_t i = 0; i < children_.size(); ++i) go_.raise();
}

void Processes::join() {
  for (const pid_t child : children_) {
    int status = 0;
    if (::waitpid(child, &status, 0) != child || status != 0) fail("a client failed");
  }
  children_.clear();
}

}  // namespace cardea::bench
