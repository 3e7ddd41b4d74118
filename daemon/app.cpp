#include "daemon/app.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "base/scope_exit.hpp"
#include "base/unix_socket.hpp"
#include "daemon/auth/authorizer.hpp"
#include "daemon/background.hpp"
#include "daemon/client/server.hpp"
#include "daemon/control/control_server.hpp"
#include "daemon/front_rights.hpp"
#include "daemon/idle_timer.hpp"
#include "daemon/journal_log.hpp"
#include "daemon/log_control.hpp"
#include "daemon/pid_file.hpp"
#include "daemon/reader_manager.hpp"
#include "daemon/service_notifier.hpp"
#include "daemon/signals.hpp"
#include "daemon/sleep_watch.hpp"
#include "drivers/hosted/host_keeper.hpp"
#include "drivers/log_exports.hpp"

namespace cardea {
namespace {

/// Connections the kernel keeps for us between two rounds of accept().
constexpr int kListenBacklog = 512;
constexpr milliseconds kStopLimit{5'000};
/// Descriptors that are not for clients: a reader takes up to five.
constexpr rlim_t kOwnDescriptors = 64;
/// A client that has come in the last moment is a client after this.
constexpr milliseconds kLookAgain{100};

/// All descriptors the administrator allows: one is needed for each client.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void make_directory_of(const std::string& path) {
  std::error_code ignored;
  const auto directory = std::filesystem::path(path).parent_path();
  if (directory.empty() || std::filesystem::exists(directory, ignored)) return;
  std::filesystem::create_directories(directory, ignored);
  ::chmod(directory.c_str(), 0755);
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

/// Where the daemon is reached, and the proof that no other daemon is there.
struct Place {
  UniqueFd socket;
  std::string path;
  bool own_socket = false;            ///< a socket of systemd stays when we go
  std::unique_ptr<PidFile> pid_file;  ///< none if it cannot be written

  [[nodiscard]] std::string hidden_path() const { return path + ".end"; }

  /// New clients do not find the socket any more; a socket of systemd they always find.
  void hide_socket() const {
    if (own_socket) ::rename(path.c_str(), hidden_path().c_str());
  }
  void show_socket() const {
    if (own_socket) ::rename(hidden_path().c_str(), path.c_str());
  }
  void remove_socket() const {
    if (!own_socket) return;
    ::unlink(path.c_str());
    ::unlink(hidden_path().c_str());
  }
};

Result<Place> take_place(const Options& options) {
  Place place;
  auto adopted = adopt_socket();
  if (!adopted) return tl::make_unexpected(adopted.error());
  place.socket = std::move(*adopted);
  place.own_socket = !place.socket;
  place.path = options.socket;
  if (!place.own_socket) {
    if (std::string path = unix_path(place.socket.get()); !path.empty()) place.path = path;
  }
  make_directory_of(place.path);
  auto pid_file = PidFile::create(PidFile::path_for(place.path));
  if (pid_file) {
    place.pid_file = std::move(*pid_file);
    if (const std::string& complaint = place.pid_file->complaint(); !complaint.empty()) {
      log::write(log::Level::warning,
                 complaint + "; who looks for pcscd in that file does not find it", {},
                 log::Event::pid_file_failed);
    }
  } else if (pid_file.error().rv == ScardRv::sharing_violation) {
    return failure(ScardRv::no_service, "another pcscd (" + pid_file.error().context +
                                            ") already serves " + place.path +
                                            ". Stop it first, or choose another --socket");
  } else {
    log::write(log::Level::warning, pid_file.error().context + "; pcscd --hotplug will not work",
               {}, log::Event::pid_file_failed);
  }
  if (!place.own_socket) return place;
  if (is_served(place.path)) {
    return failure(ScardRv::no_service,
                   "something already serves " + place.path +
                       ": another pcscd, or systemd's pcscd.socket. Stop it first, or choose "
                       "another --socket");
  }
  auto listener = listen_unix(place.path, kListenBacklog);
  if (!listener) return tl::make_unexpected(listener.error());
  place.socket = std::move(*listener);
  return place;
}

int fail_to_start(const Error& error, const Background& background) {
  log::write(log::Level::critical, "cannot start: " + error.context, {}, log::Event::start_failed);
  if (background.is_starting()) {
    std::fprintf(stderr, "pcscd: cannot start: %s\n", error.context.c_str());
  }
  return 1;
}

/// True if nobody is served and nobody ever will be. A client that connects around this moment
/// loses nothing: as long as one can be in the queue when we look, we stay and serve it. Who comes
/// after the look is in the queue of a socket that systemd holds as well: it is not reset when we
/// go, and systemd, which sees the queue as soon as we are gone, starts the next pcscd for it. A
/// socket of our own has no heir, so it gets out of sight first: then who connects at all is seen.
bool leave_if_idle(Server& server, const Place& place) {
  place.hide_socket();
  if (server.leave_if_idle()) return true;
  place.show_socket();
  return false;
}

struct Service {
  Server& server;
  auth::Authorizer& authorizer;
  ReaderManager& readers;
  ServiceNotifier& notifier;
  Place& place;
};

void log_stop() { log::write(log::Level::info, "stopping", {}, log::Event::service_stopping); }

void reload(const Service& service) {
  service.notifier.reloading();
  service.authorizer.reload();
  service.readers.rescan();
  service.notifier.reloaded();
}

/// Serves until a signal, or the time without clients, ends it. The exit status.
int wait_for_end(Signals& signals, const Service& service, const Options& options) {
  const IdleTimer idle(options.auto_exit_limit);
  for (;;) {
    std::optional<Duration> limit;
    if (options.auto_exit) limit = idle.time_left(service.server.idle_since(), Clock::now());
    if (limit && *limit == Duration::zero()) {
      if (leave_if_idle(service.server, service.place)) {
        log::write(log::Level::info,
                   "stopping: no client for " + std::to_string(options.auto_exit_limit.count()) +
                       " s, as --auto-exit asks for",
                   {}, log::Event::service_stopping);
        return 0;
      }
      limit = kLookAgain;
    }
    const int signal = signals.wait(limit);
    if (signal == log_signal()) {
      write_log_summaries();
      continue;
    }
    switch (signal) {
      case SIGUSR1:
      case SIGHUP:
        reload(service);
        break;
      case SIGTERM:
      case SIGALRM:
        log_stop();
        return 0;
      case SIGINT:
      case SIGQUIT:
        // COMPAT: the status of pcsc-lite. Its SIGTERM, status 0, leaves readers open; ours closes
        // them either way.
        log_stop();
        return 1;
      default:
        break;  // the time is over: look again
    }
  }
}

/// Connections that descriptors allow, some left for readers and for the daemon itself.
std::size_t descriptors_for_clients() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < kOwnDescriptors) return 0;
  return limit.rlim_cur - kOwnDescriptors;
}

core::QuotaLimits quota_limits(const Options& options) {
  core::QuotaLimits limits;
  // The smaller limit counts: one user shall not take the descriptors of all either.
  const std::size_t all = std::min(options.clients_max, descriptors_for_clients());
  limits.connections = options.clients_per_user_max.value_or(std::max<std::size_t>(all / 2, 1));
  limits.handles = options.handles_per_user_max;
  limits.reader_handles = std::max<std::size_t>(options.handles_per_reader_max / 2, 1);
  limits.calls = options.calls_per_user_max;
  limits.bytes = options.mib_per_user_max * kBytesPerMib;
  limits.own_uid = ::geteuid();
  return limits;
}

/// pcscctl is a help, not a condition: the daemon serves clients without it.
std::unique_ptr<ControlServer> open_control(Server& server, ControlHub& hub, const Place& place) {
  const std::string path = ControlServer::path_for(place.path);
  auto control =
      ControlServer::create(server, hub, {place.path, CARDEA_VERSION, Clock::now()}, path);
  if (control) return std::move(*control);
  log::write(log::Level::warning, control.error().context + "; pcscctl will not work", {},
             log::Event::control_failed);
  return nullptr;
}

Server::Settings server_settings(const Options& options) {
  Server::Settings settings;
  settings.clients_max = options.clients_max;
  settings.core.handles_per_context_max = options.handles_per_context_max;
  settings.core.handles_per_reader_max = options.handles_per_reader_max;
  settings.core.quotas = quota_limits(options);
  settings.core.legacy_slots = options.legacy_slots;
  settings.core.idle_holder = options.idle_holder;
  settings.core.idle_holder_policy = options.idle_holder_policy;
  return settings;
}

ReaderManager::Settings reader_settings(const Options& options, HostKeeper* keeper) {
  ReaderManager::Settings settings;
  settings.reader_conf = options.config;
  settings.reader_conf_given = options.config_given;
  settings.bundle_directory = options.bundle_directory;
  if (options.generic_ccid) {
    const std::string& library = *options.generic_ccid;
    settings.generic_ccid = library.empty() ? options.default_generic_ccid() : library;
  }
  settings.names = {!options.names_without_interface, !options.names_without_serial};
  settings.ignored_names = options.ignore_readers;
  settings.opener = {options.extend_readers, options.power, options.log_apdus, options.drivers,
                     keeper};
  settings.tracker.stable_after = options.drivers.limits().stable;
  return settings;
}

void apply_driver_dumps(const Options& options) {
  set_driver_dumps(options.driver_dumps);
  if (!options.driver_dumps) return;
  log::write(log::Level::warning,
             "what drivers print of their exchange with cards is logged as it is, with PINs "
             "(--unmasked-driver-dumps). Remedy: remove this log when the fault is found",
             {}, log::Event::driver_message);
}

/// Who comes back to a computer that has slept finds readers and cards as they are now, not as they
/// were: what moved meanwhile nobody has announced.
void after_sleep(std::chrono::seconds slept, Server& server, ReaderManager& readers) {
  if (slept <= std::chrono::seconds::zero()) return;  // only the wall clock was set: not ours
  const std::string time = std::to_string(slept.count());
  log::write(log::Level::info,
             "the computer has slept for " + time + " s: looking at all readers and cards",
             {{"SLEPT_SEC", time}}, log::Event::resumed);
  server.check_cards();
  readers.look_again();
}

/// Without its keeper the daemon cannot bring a reader back; the next daemon can.
void end_without_keeper() {
  log::write(log::Level::critical,
             "the process that starts drivers has ended, and all drivers with it; ending as well. "
             "Remedy: look for what has killed it (out of memory?)",
             {}, log::Event::driver_keeper_lost);
  ::kill(::getpid(), SIGINT);
}

/// The process that starts those of the drivers; none if no driver is hosted.
Result<std::unique_ptr<HostKeeper>> start_keeper(const Options& options) {
  if (!options.drivers.any_hosted()) return nullptr;
  HostKeeper::Settings settings;
  settings.driver_dumps = options.driver_dumps;
  settings.keep_output = options.foreground;
  return HostKeeper::create(settings);
}

/// Starts what serves clients, as far as that is possible.
Result<void> start(const Service& service, SleepWatch& sleep) {
  if (auto started = service.readers.start(); !started) return started;
  const auto woken = [&sleep, &service] {
    after_sleep(sleep.slept(), service.server, service.readers);
  };
  auto watched = service.server.watch_descriptor(sleep.fd(), woken, Server::Watched::is_quick);
  if (!watched) return watched;
  ServiceNotifier& notifier = service.notifier;
  if (notifier.is_wanted()) {
    const auto report = [&notifier](const Server::Census& now) {
      notifier.report(now.readers, now.clients, now.starting);
    };
    service.server.report_census(notifier.watchdog_period(), report);
  }
  return service.server.start();
}

/// Ends all threads, however far the start has come.
void stop(const Service& service) {
  service.authorizer.stop();
  service.readers.stop();
  if (service.server.stop(kStopLimit)) return;
  log::write(log::Level::error,
             "a driver did not return within 5 s; ending without closing its reader", {},
             log::Event::stop_forced);
  service.place.remove_socket();
  service.place.pid_file.reset();
  std::fflush(nullptr);
  ::_exit(1);
}

int run(const Service& service, ControlHub& hub, SleepWatch& sleep, Signals& signals,
        const Options& options, const char* log_target, Background& background) {
  // Who has been answered by the one socket finds the other.
  const auto control = open_control(service.server, hub, service.place);
  const ScopeExit all_ended([&service] { stop(service); });
  if (auto started = start(service, sleep); !started) {
    return fail_to_start(started.error(), background);
  }
  const Place& place = service.place;
  log::write(log::Level::info,
             "serving clients on " + place.path + (place.own_socket ? "" : " for systemd"), {},
             log::Event::service_started);
  background.report(0);
  const auto log_control = LogControl::create(log_target);
  const int status = wait_for_end(signals, service, options);
  service.notifier.stopping();
  signals.allow_force();
  return status;
}

/// Before the first thread. What cannot be given up is no reason not to serve.
void give_up_rights(const HotplugBackend* backend) {
  const bool asks_devices = backend != nullptr && std::string_view(backend->name()) == "libusb";
  const auto dropped = drop_front_rights(asks_devices ? FrontUsb::open : FrontUsb::closed);
  if (dropped) return;
  log::write(log::Level::debug, "keeping rights that are not needed: " + dropped.error().context);
}

int serve(const Options& options, const char* log_target, Background& background,
          HostKeeper* keeper) {
  Signals signals;
  apply_driver_dumps(options);
  ServiceNotifier notifier;  // outlives the threads that use it
  raise_descriptor_limit();
  auto place = take_place(options);
  if (!place) return fail_to_start(place.error(), background);
  const ScopeExit remove_socket([&place] { place->remove_socket(); });
  auto backend = create_hotplug_backend(options.hotplug_backend, options.forced_polling);
  if (!backend) return fail_to_start(backend.error(), background);
  if (options.drivers.all_hosted()) give_up_rights(backend->get());
  auth::Authorizer authorizer(
      {options.access_rules, options.access_rules_given, options.polkit, {}});
  auto sleep = SleepWatch::create();  // outlives the threads that use it
  if (!sleep) return fail_to_start(sleep.error(), background);
  auto hub = ControlHub::create();  // outlives the threads that use it
  if (!hub) return fail_to_start(hub.error(), background);
  auto server = Server::create(server_settings(options), std::move(place->socket));
  if (!server) return fail_to_start(server.error(), background);
  if (keeper != nullptr) keeper->listen(end_without_keeper);
  (*server)->set_authorizer(authorizer);
  (*server)->set_observer(hub->get());
  auto readers =
      ReaderManager::create(**server, reader_settings(options, keeper), std::move(*backend));
  if (!readers) return fail_to_start(readers.error(), background);
  const ScopeExit no_more_reports([keeper] {
    if (keeper != nullptr) keeper->stop_listening();
  });
  const Service service{**server, authorizer, **readers, notifier, *place};
  return run(service, **hub, *sleep, signals, options, log_target, background);
}

}  // namespace

int run_daemon(const Options& options) {
  // Drivers that look for their own bundle follow this variable (libccid).
  ::setenv("PCSCLITE_HP_DROPDIR", options.bundle_directory.c_str(), 1);
  if (::chdir("/") != 0) std::perror("pcscd: /");
  Background background;
  int status = 0;
  if (!options.foreground && !background.fork_child(status)) return status;
  auto keeper = start_keeper(options);  // before threads and descriptors; drivers have none of ours
  const char* log_target = install_log(options);
  const ScopeExit last_summaries([] { write_last_log_summaries(); });
  try {
    status = keeper ? serve(options, log_target, background, keeper->get())
                    : fail_to_start(keeper.error(), background);
  } catch (const std::exception& error) {  // the C++ library: no thread, no lock
    status = fail_to_start({ScardRv::no_memory, error.what()}, background);
  }
  background.report(status);
  return status;
}

int ask_for_rescan(const Options& options) {
  const auto asked = PidFile::signal_owner(PidFile::path_for(options.socket), SIGUSR1);
  if (asked) return 0;
  std::fprintf(stderr, "pcscd: --hotplug for %s: %s\n", options.socket.c_str(),
               asked.error().context.c_str());
  return 1;
}

}  // namespace cardea
