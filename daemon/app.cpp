#include "daemon/app.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/scope_exit.hpp"
#include "base/unix_socket.hpp"
#include "daemon/client/server.hpp"
#include "daemon/journal_log.hpp"
#include "daemon/reader_manager.hpp"
#include "drivers/reader_conf_loader.hpp"

namespace cardea {
namespace {

/// Connections the kernel keeps for us between two rounds of accept().
constexpr int kListenBacklog = 512;
constexpr milliseconds kStopLimit{5'000};

/// All descriptors the administrator allows: one is needed for each client.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<UniqueFd> open_socket(const std::string& path) {
  std::error_code ignored;
  const auto directory = std::filesystem::path(path).parent_path();
  if (!directory.empty() && !std::filesystem::exists(directory, ignored)) {
    std::filesystem::create_directories(directory, ignored);
    ::chmod(directory.c_str(), 0755);
  }
  if (connect_unix(path)) {
    return failure(ScardRv::no_service, "another pcscd already serves " + path +
                                            ". Stop it first, or choose another --socket");
  }
  return listen_unix(path, kListenBacklog);
}

/// The socket systemd has opened for us, if this is a socket-activated start; no descriptor if not.
Result<UniqueFd> adopt_socket() {
  const int passed = ::sd_listen_fds(/*unset_environment=*/1);
  if (passed <= 0) return UniqueFd{};
  UniqueFd fd(SD_LISTEN_FDS_START);
  if (passed > 1 || ::sd_is_socket_unix(fd.get(), SOCK_STREAM, 1, nullptr, 0) <= 0) {
    return failure(ScardRv::no_service,
                   "systemd passed something else than one listening Unix stream socket; check "
                   "ListenStream= in pcscd.socket");
  }
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  return fd;
}

int fail_to_start(const Error& error) {
  log::write(log::Level::critical, "cannot start: " + error.context);
  return 1;
}

/// Waits for SIGTERM or SIGINT; the signals are blocked in all threads.
void wait_for_end(const sigset_t& signals) {
  for (;;) {
    int signal = 0;
    if (::sigwait(&signals, &signal) == 0 && signal != SIGHUP && signal != SIGUSR1) return;
  }
}

sigset_t block_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

Server::Settings server_settings(const Options& options) {
  Server::Settings settings;
  settings.clients_max = options.clients_max;
  settings.core.handles_per_context_max = options.handles_per_context_max;
  settings.core.handles_per_reader_max = options.handles_per_reader_max;
  settings.core.legacy_slots = options.legacy_slots;
  return settings;
}

Result<ReaderConf> load_readers(const Options& options) {
  auto conf = load_reader_conf(options.config);
  if (!conf && !options.config_given) return ReaderConf{};  // no readers are configured
  if (!conf) return conf;
  for (const ConfigProblem& problem : conf->problems) {
    log::write(log::Level::error, to_string(problem), {{"CONFIG_FILE", problem.file}});
  }
  return conf;
}

/// In the background: the parent waits on the pipe for the child's word and exits with it.
int wait_for_child(int pipe_end) {
  char status = 1;
  if (::read(pipe_end, &status, 1) != 1) return 1;
  return status;
}

class Background {
 public:
  /// Forks; true in the child. The parent's exit status is then in `status`.
  bool fork_child(int& status) {
    int ends[2];
    if (::pipe(ends) != 0) {
      status = 1;
      return false;
    }
    const pid_t child = ::fork();
    if (child != 0) {
      ::close(ends[1]);
      status = child < 0 ? 1 : wait_for_child(ends[0]);
      return false;
    }
    ::close(ends[0]);
    word_.reset(ends[1]);
    ::setsid();
    return true;
  }
  /// Tells the parent how the start went.
  void report(char status) {
    if (word_) (void)!::write(word_.get(), &status, 1);
    word_.reset();
  }

 private:
  UniqueFd word_;
};

int serve(const Options& options, Background& background) {
  const sigset_t signals = block_signals();
  raise_descriptor_limit();
  const auto conf = load_readers(options);
  if (!conf) return fail_to_start(conf.error());
  auto listener = adopt_socket();
  const bool own_socket = listener && !*listener;
  if (own_socket) listener = open_socket(options.socket);
  if (!listener) return fail_to_start(listener.error());
  // A socket of systemd stays: sandboxes may have bound its inode, and clients may be queued.
  const ScopeExit remove_socket([&options, own_socket] {
    if (own_socket) ::unlink(options.socket.c_str());
  });
  auto server = Server::create(server_settings(options), std::move(*listener));
  if (!server) return fail_to_start(server.error());
  ReaderManager readers(**server);
  readers.open_configured(conf->entries);
  (*server)->start();
  log::write(log::Level::info,
             "serving clients on " + (own_socket ? options.socket : "the socket of systemd"));
  background.report(0);
  wait_for_end(signals);
  log::write(log::Level::info, "stopping");
  if (!(*server)->stop(kStopLimit)) {
    log::write(log::Level::error,
               "a driver did not return within 5 s; ending without closing its reader");
    if (own_socket) ::unlink(options.socket.c_str());
    std::fflush(nullptr);
    ::_exit(1);
  }
  return 0;
}

}  // namespace

int run_daemon(const Options& options) {
  Background background;
  int status = 0;
  if (!options.foreground && !background.fork_child(status)) return status;
  install_log(options.foreground, options.level);
  status = serve(options, background);
  background.report(static_cast<char>(status));
  return status;
}

}  // namespace cardea
