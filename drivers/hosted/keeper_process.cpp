#include "drivers/hosted/keeper_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <map>
#include <span>
#include <utility>

#include "base/clock.hpp"
#include "drivers/hosted/host_process.hpp"
#include "drivers/hosted/host_socket.hpp"
#include "drivers/hosted/host_wire.hpp"

namespace cardea {
namespace {

/// Hosts that have lost the daemon end by themselves within this, or are killed.
constexpr milliseconds kLeaveMax{2'000};
/// Descriptors from here on are free to be used while those below are put in order.
constexpr int kAboveAll = 10;
/// Where the keeper has its two sockets.
constexpr int kOrdersFd = STDERR_FILENO + 1;

/// The daemon ends its readers in order; a signal to all of us (Ctrl-C, systemctl stop) must not
/// take the drivers away before.
constexpr std::array kLeftToTheDaemon{SIGINT,  SIGTERM, SIGQUIT, SIGHUP,
                                      SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE};

/// What systemd has told the daemon alone.
constexpr std::array kDaemonsVariables{"LISTEN_FDS",   "LISTEN_PID",    "LISTEN_FDNAMES",
                                       "WATCHDOG_PID", "WATCHDOG_USEC", "NOTIFY_SOCKET"};

void close_from(int first) { ::syscall(SYS_close_range, first, ~0U, 0); }

void die_with_parent(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);
}

void direct_to_null(int fd) {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null) ::dup2(null.get(), fd);
}

class Keeper {
 public:
  explicit Keeper(KeeperStart start) : start_(std::move(start)) {}

  int run() {
    if (!prepare()) return 1;
    std::array<pollfd, 2> watched{pollfd{start_.orders.get(), POLLIN, 0},
                                  pollfd{ends_.get(), POLLIN, 0}};
    for (;;) {
      if (::poll(watched.data(), watched.size(), -1) < 0) {
        if (errno != EINTR) break;
        continue;
      }
      if (watched[1].revents != 0) reap();
      if (watched[0].revents != 0 && !take_order()) break;
    }
    return leave();
  }

 private:
  /// Everything of the daemon's goes.
  bool prepare() {
    die_with_parent(start_.daemon);
    ::prctl(PR_SET_NAME, "pcscd-keeper");
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (const int signal : kLeftToTheDaemon) ::signal(signal, SIG_IGN);
    for (const char* name : kDaemonsVariables) ::unsetenv(name);
    direct_to_null(STDIN_FILENO);
    if (!start_.keep_output) {
      direct_to_null(STDOUT_FILENO);
      direct_to_null(STDERR_FILENO);
    }
    if (!keep_sockets_only()) return false;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_SETMASK, &child, nullptr);
    ends_ = UniqueFd(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
    return static_cast<bool>(ends_);
  }

  bool keep_sockets_only() {
    const int orders = ::fcntl(start_.orders.get(), F_DUPFD, kAboveAll);
    const int log = ::fcntl(start_.log.get(), F_DUPFD, kAboveAll);
    if (orders < 0 || log < 0) return false;
    (void)start_.orders.release();
    (void)start_.log.release();
    start_.orders = UniqueFd(::dup3(orders, kOrdersFd, O_CLOEXEC));
    start_.log = UniqueFd(::dup3(log, kOrdersFd + 1, O_CLOEXEC));
    close_from(kOrdersFd + 2);
    return start_.orders && start_.log;
  }

  bool take_order() {
    host_wire::OrderBytes bytes{};
    MessageFds fds;
    const Incoming incoming = receive_message(start_.orders.get(), bytes, {}, fds);
    if (incoming.what != Received::message) return false;
    const auto order = host_wire::decode_order(std::span(bytes).first(incoming.bytes));
    if (!order) return false;
    if (order->kind == host_wire::KeeperOrder::Kind::start) {
      start_host(order->host, fds[0]);
    } else {
      for (const auto& [pid, host] : hosts_) {
        if (host == order->host) ::kill(pid, SIGKILL);
      }
    }
    return true;
  }

  void start_host(std::uint64_t host, const UniqueFd& socket) {
    using Kind = host_wire::KeeperReport::Kind;
    const pid_t keeper = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) become_host(keeper, socket.get());
    if (pid < 0) {
      report(Kind::failed, host, errno);
    } else {
      hosts_[pid] = host;
      report(Kind::started, host, pid);
    }
  }

  [[noreturn]] void become_host(pid_t keeper, int socket) {
    die_with_parent(keeper);
    // Above all others first, so that neither is where the other has to go.
    const int main = ::fcntl(socket, F_DUPFD_CLOEXEC, kAboveAll);
    const int log = ::fcntl(start_.log.get(), F_DUPFD_CLOEXEC, kAboveAll);
    ::dup2(main, kHostSocketFd);
    ::dup2(log, kHostLogFd);
    close_from(kHostLogFd + 1);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    std::string name = "pcscd";
    std::string argument = kDriverHostArgument;
    std::string dumps = start_.driver_dumps ? kDriverHostDumps : "";
    const std::array<char*, 4> arguments{name.data(), argument.data(),
                                         dumps.empty() ? nullptr : dumps.data(), nullptr};
    ::execv(start_.program.c_str(), arguments.data());
    ::_exit(127);
  }

  /// A signal may stand for several ends.
  void reap() {
    signalfd_siginfo information;
    while (::read(ends_.get(), &information, sizeof information) > 0) {
    }
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      const auto found = hosts_.find(pid);
      if (found == hosts_.end()) continue;
      using Kind = host_wire::KeeperReport::Kind;
      if (WIFSIGNALED(status)) {
        report(Kind::killed, found->second, WTERMSIG(status));
      } else {
        report(Kind::exited, found->second, WEXITSTATUS(status));
      }
      hosts_.erase(found);
    }
  }

  void report(host_wire::KeeperReport::Kind kind, std::uint64_t host, int value) {
    const auto bytes = host_wire::encode({kind, host, static_cast<std::uint32_t>(value)});
    (void)send_message(start_.orders.get(), bytes, {});  // the next order tells if it is gone
  }

  int leave() {
    const TimePoint deadline = Clock::now() + kLeaveMax;
    while (!hosts_.empty()) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
      if (left <= milliseconds::zero()) break;
      pollfd ended{ends_.get(), POLLIN, 0};
      if (::poll(&ended, 1, static_cast<int>(left.count())) > 0) reap();
    }
    for (const auto& [pid, host] : hosts_) ::kill(pid, SIGKILL);
    return 0;
  }

  KeeperStart start_;
  UniqueFd ends_;
  std::map<pid_t, std::uint64_t> hosts_;  ///< bounded by the daemon's readers
};

}  // namespace

void run_keeper(KeeperStart start) { std::exit(Keeper(std::move(start)).run()); }

}  // namespace cardea
