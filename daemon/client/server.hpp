// The daemon's shell around the core: accepts clients, feeds their requests to the core under one
// short lock, and carries out what the core decides: replies, disconnections, driver calls, log
// records, the timer. Everything runs on the executor's threads.
//
// Locks: core_mutex_ is never held across a driver call, a write, or a log line; the only
// locks taken inside it are a Connection's and the observer's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "daemon/auth/authorizer.hpp"
#include "daemon/client/connection.hpp"
#include "daemon/client/report_plan.hpp"
#include "daemon/client/server_observer.hpp"
#include "daemon/core/core.hpp"
#include "daemon/io/deadline_timer.hpp"
#include "daemon/io/executor.hpp"
#include "daemon/io/poller.hpp"
#include "daemon/reader/reader_runtime.hpp"
#include "protocol/framer.hpp"

namespace cardea {

class Server {
 public:
  struct Settings {
    core::Settings core;
    std::size_t clients_max = 10'000;
  };

  static Result<std::unique_ptr<Server>> create(Settings settings, UniqueFd listener);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Before start(): who decides about ESTABLISH and CONNECT; without this everybody may. Borrowed,
  /// and to be stopped before the server goes.
  void set_authorizer(auth::Authorizer& authorizer) EXCLUDES(core_mutex_);
  /// Starts the threads; from here on clients are served. Fails where the system has no thread or
  /// no memory for it.
  Result<void> start();
  /// Closes all readers, as long as their drivers let us but no longer than `limit`, and ends all
  /// threads. False if a driver did not come back; then the process should end at once.
  bool stop(milliseconds limit) EXCLUDES(core_mutex_);

  /// When the last client left, or the server was made if none came; none while there are clients.
  [[nodiscard]] std::optional<TimePoint> idle_since() const EXCLUDES(core_mutex_) {
    MutexLock lock(core_mutex_);
    return connections_.empty() ? std::optional(last_client_left_) : std::nullopt;
  }

  // --- the service as a whole ---
  struct Census {
    std::size_t readers = 0;
    std::size_t clients = 0;
    bool starting = false;  ///< the readers that were there at the start are still being tried
  };
  /// Before start(). Has `report` called on pool threads, one call at a time and outside of all
  /// locks: after changes, once a second at most, and at least once in `period`, if given. A call
  /// proves that requests are served: the same threads and the same lock are needed for both.
  void report_census(std::optional<Duration> period, std::function<void(const Census&)> report)
      EXCLUDES(core_mutex_);
  /// True if there is no client, neither connected nor in the queue of the listening socket. From
  /// then on nobody is accepted: who comes later stays in the queue.
  bool leave_if_idle() EXCLUDES(core_mutex_);

  // --- for those who look on ---
  /// Before start() and before the first reader. `observer` outlives the threads.
  void set_observer(ServerObserver* observer) { observer_ = observer; }
  /// Any thread. An observer that wants changes gets all that come after this.
  ServerStatus status() EXCLUDES(core_mutex_);

  // --- readers; any thread ---
  /// Whoever added readers names them by a number of his; all slots of a device share one.
  using ReaderOwner = std::uint64_t;
  /// What becomes of readers; called on pool threads, outside of all locks.
  struct ReaderEvents {
    std::function<void(ReaderOwner)> closed;  ///< the driver has let go of the last slot
    std::function<void(ReaderOwner)> faulty;  ///< a slot answers nothing but faults
  };
  /// Before start().
  void set_reader_events(ReaderEvents events) { reader_events_ = std::move(events); }
  enum class Watched { may_block, is_quick };
  /// Calls `ready` on a pool thread when `fd` can be read, one call at a time. If it may block, the
  /// pool gets one more thread. `fd` must stay open until stop() has returned. Fails where the
  /// system has no thread or no memory for it.
  Result<void> watch_descriptor(int fd, std::function<void()> ready,
                                Watched watched = Watched::may_block) EXCLUDES(core_mutex_);
  enum class Clients { wait, go_on };
  /// Runs a task that may block in a driver. With Clients::wait, clients' state requests wait for
  /// it to end, though not for ever. False, and the task is not run, if there is no thread that it
  /// may block.
  [[nodiscard]] bool run_reader_start(Clients clients, std::function<void()> task)
      EXCLUDES(core_mutex_);
  /// None if there is no thread that its driver may block.
  std::optional<core::DomainId> add_domain() EXCLUDES(core_mutex_);
  /// Runs `work` on this thread while no driver call of `domain` is running. False if the domain
  /// is gone. Only from run_reader_start's task.
  bool run_in_domain(core::DomainId domain, const std::function<void()>& work)
      EXCLUDES(core_mutex_);
  /// Hands over a slot whose channel is open. It is closed again if the server is stopping.
  void add_reader(const core::ReaderSpec& spec, ReaderOwner owner,
                  std::unique_ptr<IfdDriver> driver) EXCLUDES(core_mutex_);
  /// Looks anew whether cards are in the readers, whatever their drivers have announced.
  void check_cards() EXCLUDES(core_mutex_);
  /// Takes the owner's slots from their clients at once; their drivers are closed when they are
  /// idle. `device_gone`: it was unplugged.
  void remove_readers(ReaderOwner owner, bool device_gone) EXCLUDES(core_mutex_);

 private:
  using ConnectionPtr = std::shared_ptr<Connection>;
  using RuntimePtr = std::shared_ptr<ReaderRuntime>;

  /// A client that sends its next APDU as soon as it has an answer is served by the same thread
  /// without a visit to the poller, but not for longer than this: others wait for the thread.
  static constexpr int kApdusInARowMax = 16;

  static constexpr const char* kNoThread =
      "the system has no further thread for pcscd; raise TasksMax= of pcscd.service";

  static constexpr std::uint64_t kListenToken = Executor::kFirstReservedToken - 1;
  static constexpr std::uint64_t kTimerToken = Executor::kFirstReservedToken - 2;
  static constexpr std::uint64_t kCensusToken = Executor::kFirstReservedToken - 3;
  /// Descriptors of others that the pool watches: hot-plug and its timer.
  static constexpr std::uint64_t kWatchedMax = 8;
  static constexpr std::uint64_t kFirstWatchedToken = kCensusToken - kWatchedMax;

  struct PendingJob {
    core::Job job;
    RuntimePtr runtime;
  };

  /// What one thread has to do next. Lives on that thread's stack.
  struct Round {
    struct Ready {
      ConnectionPtr connection;
      bool has_input;  ///< worth a read: the poller said so, or an APDU was just answered
    };
    std::vector<Ready> ready;  ///< claimed by this thread, to be served
    /// Being served: its answers gather until all its requests are handled, so that requests
    /// that came in one write are answered with one.
    const Connection* serving = nullptr;
    int apdus_left = kApdusInARowMax;
    std::vector<PendingJob> jobs;
  };

  /// Consequences of one visit to the core, found under the lock, done after it.
  struct Answered {
    ConnectionPtr connection;
    Connection::Request request;
    std::optional<std::uint32_t> rv;
    Duration took;
  };

  struct NamedHold {
    core::IdleHold hold;
    PeerCredentials holder;
    std::vector<PeerCredentials> waiters;
  };

  struct Outcome {
    std::vector<std::pair<ConnectionPtr, core::Reply>> direct;  ///< replies with payload
    std::vector<ConnectionPtr> flush;
    std::vector<ConnectionPtr> resume;
    std::vector<std::pair<ConnectionPtr, std::string>> drops;
    std::vector<log::Record> records;
    std::vector<std::pair<ConnectionPtr, core::Question>> questions;
    std::vector<core::CallId> withdrawn;
    std::vector<Answered> answered;  ///< while the log has details
    std::vector<ReaderOwner> faulty;
    std::vector<NamedHold> idle_holds;
    std::vector<std::pair<ConnectionPtr, core::Resource>> quota_hits;
  };

  Server(Settings settings, UniqueFd listener, Poller poller, DeadlineTimer timer,
         DeadlineTimer census_timer);

  void on_event(const Poller::Event& event);
  void on_census() EXCLUDES(core_mutex_);
  void census_changed() REQUIRES(core_mutex_);
  void run_watched(std::uint64_t token) EXCLUDES(core_mutex_);
  void run(Round& round);
  /// Lets another thread run it: the caller has a lock, or others wait for him.
  void run_elsewhere(Round round);
  void run_job(PendingJob pending, Round& round);
  /// False if there is no thread for it.
  [[nodiscard]] bool watch(ReaderRuntime& runtime, core::ReaderId id);

  enum class Accepted { one, none, no_descriptor };
  void accept_clients();
  Accepted accept_one();
  void pause_accepting(const std::string& why);
  void resume_accepting() REQUIRES(core_mutex_);
  void refuse_client(const PeerCredentials& peer) const;
  void refuse_user(const PeerCredentials& peer) EXCLUDES(core_mutex_);
  static void report_quota(const PeerCredentials& peer, const core::UserAccount& account,
                           core::Resource resource);
  void serve(const ConnectionPtr& connection, bool has_input, Round& round);
  void handle(const ConnectionPtr& connection, const wire::Frame& frame, Round& round);
  /// True, and answered, if this request has to wait for better times: there is no memory.
  static bool refuse_for_memory(const ConnectionPtr& connection, const wire::Frame& frame);
  void handle_version(const ConnectionPtr& connection, const wire::Frame& frame, Round& round);
  void report_refusal(const ConnectionPtr& connection, const wire::Version& proposed);
  static void report_request(const Answered& answered);
  void settle(const ConnectionPtr& connection, Round& round);
  void drop(const ConnectionPtr& connection, const std::string& reason);
  void close(const ConnectionPtr& connection, Round& round);

  /// Runs `visit(core, now, effects)` under the lock and carries out its effects.
  template <typename Visit>
  void with_core(Round& round, const Visit& visit) EXCLUDES(core_mutex_);
  void absorb(core::Effects& fx, Round& round, Outcome& outcome) REQUIRES(core_mutex_);
  void carry_out(Outcome& outcome, Round& round);
  void ask(const ConnectionPtr& connection, const core::Question& question, Round& round);
  void decide(core::ConnId conn, core::CallId call, bool allowed, Round& round);
  void set_timer() REQUIRES(core_mutex_);
  void observe() REQUIRES(core_mutex_);
  void show_exchange(const PendingJob& done, const core::JobResult& result, Duration took)
      EXCLUDES(core_mutex_);
  [[nodiscard]] NamedHold named(const core::IdleHold& hold) REQUIRES(core_mutex_);
  static void report_idle_holder(const NamedHold& named);
  [[nodiscard]] ConnectionPtr find(core::ConnId id) REQUIRES(core_mutex_);

  const Settings settings_;
  Poller poller_;
  const UniqueFd listener_;
  const DeadlineTimer timer_;
  const DeadlineTimer census_timer_;
  std::unique_ptr<Executor> executor_;

  mutable Mutex core_mutex_;
  core::Core core_ GUARDED_BY(core_mutex_);
  std::unordered_map<core::ConnId, ConnectionPtr> connections_ GUARDED_BY(core_mutex_);
  /// In the order of their slots: drivers may expect them to be closed like that.
  std::map<core::ReaderId, RuntimePtr> runtimes_ GUARDED_BY(core_mutex_);
  std::unordered_map<core::GuestId, core::Job> guests_ GUARDED_BY(core_mutex_);  ///< inside
  std::uint64_t last_guest_ GUARDED_BY(core_mutex_) = 0;
  std::vector<std::pair<int, std::function<void()>>> watched_ GUARDED_BY(core_mutex_);
  std::optional<TimePoint> timer_set_ GUARDED_BY(core_mutex_);
  TimePoint last_client_left_ GUARDED_BY(core_mutex_) = Clock::now();
  bool accept_paused_ GUARDED_BY(core_mutex_) = false;
  std::optional<TimePoint> accept_again_at_ GUARDED_BY(core_mutex_);
  /// The record about missing descriptors: when it was written, and whether all who waited then
  /// have been let in since.
  std::optional<TimePoint> shortage_reported_ GUARDED_BY(core_mutex_);
  bool in_shortage_ GUARDED_BY(core_mutex_) = false;
  int accepting_ GUARDED_BY(core_mutex_) = 0;     ///< threads that are at it, outside of the lock
  bool leaving_ GUARDED_BY(core_mutex_) = false;  ///< no client is accepted any more
  bool stopping_ GUARDED_BY(core_mutex_) = false;
  std::optional<ReportPlan> census_plan_ GUARDED_BY(core_mutex_);  ///< none: nobody asked
  bool start_told_ GUARDED_BY(core_mutex_) = false;  ///< the report of the start is on its way
  int starts_ GUARDED_BY(core_mutex_) = 0;           ///< tasks of run_reader_start()
  CondVar readers_closed_;                           ///< or a start has ended
  CondVar guest_entered_;
  auth::Authorizer* authorizer_ = nullptr;  ///< constant after start()
  ServerObserver* observer_ = nullptr;      ///< constant after start()
  /// As the observer knows them; none: nobody looks on.
  std::optional<std::vector<core::ReaderSnapshot>> readers_seen_ GUARDED_BY(core_mutex_);
  ReaderEvents reader_events_;                        ///< constant after start()
  std::function<void(const Census&)> census_report_;  ///< constant after start()
};

template <typename Visit>
void Server::with_core(Round& round, const Visit& visit) {
  core::Effects fx;
  Outcome outcome;
  {
    MutexLock lock(core_mutex_);
    visit(core_, Clock::now(), fx);
    absorb(fx, round, outcome);
    observe();
    set_timer();
  }
  carry_out(outcome, round);
}

}  // namespace cardea
