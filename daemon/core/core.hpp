// The resource manager: contexts, card handles, sharing, transactions, reader states and events.
// A pure state machine: no descriptor, no thread, no clock is touched here. Every input is a
// method call that carries the time; every consequence is returned in Effects. The server holds
// one mutex around all of it, for microseconds.
//
// Semantics follow PC/SC part 5 as pcsc-lite interprets it; where we differ on purpose the code
// says COMPAT and names the test.
#pragma once

#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "daemon/core/card_state.hpp"
#include "daemon/core/charge.hpp"
#include "daemon/core/core_answer.hpp"
#include "daemon/core/effects.hpp"
#include "daemon/core/idle_policy.hpp"
#include "daemon/core/ids.hpp"
#include "daemon/core/power_off.hpp"
#include "daemon/core/snapshot.hpp"
#include "daemon/core/transaction_queue.hpp"
#include "daemon/core/user_accounts.hpp"
#include "protocol/commands.hpp"
#include "protocol/dialect.hpp"
#include "protocol/wire.hpp"

namespace cardea::core {

struct Settings {
  std::size_t handles_per_context_max = 200;
  std::size_t handles_per_reader_max = 200;
  QuotaLimits quotas;
  /// Entries of the fixed state array. 16 but for clients of builds that were patched to 48.
  std::size_t legacy_slots = wire::kFixedSlots;

  LockTiming lock;
  milliseconds begin_hold{1000};              ///< BEGIN waits this long before "ask again"
  milliseconds begin_hold_same_process{100};  ///< the waiting call may hold up the owner's thread
  milliseconds brief_hold{100};               ///< TRANSMIT, STATUS, RECONNECT
  milliseconds own_process_hold{1000};        ///< CONNECT, DISCONNECT behind one's own process
  milliseconds presence_poll{400};
  milliseconds off_after_polled{400};   ///< an unused card is powered off after
  milliseconds off_after_events{5000};  ///< the same where the driver announces events
  milliseconds start_up_wait{5000};     ///< after which starting readers are not waited for
  milliseconds cancel_latch{100};       ///< 4:3 only: a CANCEL may overtake its WAIT
  milliseconds idle_holder{10'000};     ///< a transaction unused for so long is idle; 0: never
  IdlePolicy idle_holder_policy = IdlePolicy::report;
  milliseconds fault_patience{5000};  ///< a reader that answers nothing but faults is reported
};

struct ClientInfo {
  std::int64_t pid = 0;
  std::uint32_t uid = 0;
};

struct ReaderSpec {
  std::string name;      ///< final and unique, at most 127 characters
  std::string alias;     ///< names the place it is plugged into; may be empty
  std::string driver{};  ///< file of the handler, for people
  DomainId domain;
  bool driver_events = false;  ///< the driver announces card movements
  bool version_2 = false;      ///< IFD handler 2.0: eject exists
  PowerOff power_off;
  /// Readers are listed in this order, whatever the order in which they came; equal ones as they
  /// came.
  unsigned rank = kPluggedRank;
  pid_t driver_pid = 0;  ///< of the process the driver runs in, for people; 0: ours

  static constexpr unsigned kPluggedRank = std::numeric_limits<unsigned>::max();
};

enum class StateRequest { fixed, sized, wait };

class Core {
 public:
  /// `random` yields numbers for handles; any value, repetitions are handled.
  Core(Settings settings, std::function<std::uint32_t()> random);

  // --- connections ---
  /// Nobody if its user has so many connections that not even an answer can be given. Else, if
  /// the user has too many, ESTABLISH is answered NO_MEMORY, and nothing else is served.
  ConnId add_client(const ClientInfo& info);
  /// What the user of this connection has taken, to charge him for what is kept for it.
  [[nodiscard]] std::shared_ptr<UserAccount> account(ConnId conn);
  [[nodiscard]] std::shared_ptr<UserAccount> account_of(std::uint32_t uid) {
    return accounts_.of(uid);
  }
  /// The connection is gone or being dropped: frees everything it held. `answer_lost`: the last
  /// answer did not reach it, so a lock just granted was never used and needs no reset.
  void remove_client(ConnId conn, bool answer_lost, TimePoint now, Effects& fx);
  [[nodiscard]] bool knows(ConnId conn) const { return clients_.contains(conn); }
  /// Tells of a connection whether its peer is gone, although nobody had the time to call
  /// remove_client() yet. Nobody is refused for such a client's sake: the core removes it first.
  /// `gone` is called within requests and must not block. Without it nobody is gone.
  void set_hang_up_check(std::function<bool(ConnId)> gone) { gone_ = std::move(gone); }
  void set_dialect(ConnId conn, const wire::Dialect& dialect);
  /// Tells whose ESTABLISH and CONNECT are questions to somebody outside; without it nobody's. The
  /// answer may change at any time; `asks` is called within requests and must not block.
  void set_access_check(std::function<bool(const ClientInfo&)> asks) { asks_ = std::move(asks); }
  /// The answer to a question of Effects::questions. One that is no longer open is ignored.
  void decide(ConnId conn, CallId call, bool allowed, TimePoint now, Effects& fx);
  /// True while a request is in flight: no further one may be passed in.
  [[nodiscard]] bool is_busy(ConnId conn) const;

  // --- requests; the message is the request and, filled in, the reply ---
  void establish(ConnId conn, const wire::Establish& message, TimePoint now, Effects& fx);
  void release(ConnId conn, wire::Release message, TimePoint now, Effects& fx);
  void connect(ConnId conn, wire::Connect message, TimePoint now, Effects& fx);
  void reconnect(ConnId conn, const wire::Reconnect& message, TimePoint now, Effects& fx);
  void disconnect(ConnId conn, const wire::Disconnect& message, TimePoint now, Effects& fx);
  void begin(ConnId conn, const wire::Begin& message, TimePoint now, Effects& fx);
  void end(ConnId conn, const wire::End& message, TimePoint now, Effects& fx);
  void status(ConnId conn, const wire::Status& message, TimePoint now, Effects& fx);
  void transmit(ConnId conn, const wire::Transmit& message, std::span<const std::byte> payload,
                TimePoint now, Effects& fx);
  void control(ConnId conn, const wire::Control& message, std::span<const std::byte> payload,
               TimePoint now, Effects& fx);
  void get_attribute(ConnId conn, const wire::Attribute& message, TimePoint now, Effects& fx);
  void set_attribute(ConnId conn, const wire::Attribute& message, TimePoint now, Effects& fx);
  void cancel(ConnId conn, wire::Cancel message, TimePoint now, Effects& fx);
  void get_states(ConnId conn, StateRequest request, TimePoint now, Effects& fx);
  void get_states_size(ConnId conn, TimePoint now, Effects& fx);
  void get_reader_events(ConnId conn, Effects& fx);
  void stop_waiting(ConnId conn, Effects& fx);

  // --- readers ---
  /// Readers are put into domains; a domain goes with its last reader.
  DomainId add_domain();
  [[nodiscard]] bool knows(DomainId domain) const { return domains_.contains(domain); }
  /// Asks for the driver of `domain` on behalf of somebody who opens a further reader on it. A
  /// guest job follows when it is his turn; finish() gives the driver back. False if the domain
  /// is gone.
  bool enter_domain(DomainId domain, GuestId guest, TimePoint now, Effects& fx);
  /// A reader is being opened: state requests wait for it until `reader_start_ended`.
  void reader_start_began(TimePoint now);
  void reader_start_ended(TimePoint now, Effects& fx);
  /// Whether state requests wait now, and until when at most.
  [[nodiscard]] bool is_starting(TimePoint now) const {
    return starting_ > 0 && now < start_up_until_;
  }
  [[nodiscard]] TimePoint start_up_until() const { return start_up_until_; }
  /// The driver is open; the first presence check starts at once.
  ReaderId add_reader(const ReaderSpec& spec, TimePoint now, Effects& fx);
  /// The device is gone: frees its clients at once; a close job follows when the driver is idle.
  void remove_reader(ReaderId reader, TimePoint now, Effects& fx);
  /// The daemon is about to end: waiters hear nothing more from here on, so that what they notice
  /// is the end of their connection and not readers that go shortly before it.
  void silence_events() { silenced_ = true; }
  /// Nobody waits for the driver's announcements after all: it is asked now and then.
  void poll_instead(ReaderId reader);
  /// The driver says that a card may have moved.
  void presence_hint(ReaderId reader, TimePoint now, Effects& fx);
  /// A job of Effects::jobs has ended.
  void finish(Job& job, const JobResult& result, TimePoint now, Effects& fx);

  // --- time ---
  [[nodiscard]] std::optional<TimePoint> next_deadline() const;
  void expire(TimePoint now, Effects& fx);

  // --- what is there, for status lines and tests ---
  struct Counts {
    std::size_t clients = 0, contexts = 0, handles = 0, readers = 0, waiting = 0, queued = 0;
    friend bool operator==(const Counts&, const Counts&) = default;
  };
  [[nodiscard]] Counts counts() const;
  [[nodiscard]] std::vector<std::string> reader_names() const;
  /// Empty if it is gone.
  [[nodiscard]] std::string reader_name(ReaderId reader);
  [[nodiscard]] Snapshot snapshot() const;
  [[nodiscard]] std::vector<ReaderSnapshot> reader_snapshots() const;
  /// The handle that holds the reader's lock, 0 for none; invariants are asserted on the way.
  [[nodiscard]] CardHandle lock_owner(std::string_view reader_name) const;
  /// Aborts if a rule of the core is broken. Holds between any two calls.
  void check_invariants() const;

 private:
  enum class Mark { none, reset, removed };

  struct StateFetch {
    StateRequest request = StateRequest::fixed;
    bool size_only = false;
  };
  struct GetAttribute : wire::Attribute {};
  struct SetAttribute : wire::Attribute {};
  using Message = std::variant<wire::Establish, wire::Connect, wire::Reconnect, wire::Disconnect,
                               wire::Begin, wire::End, wire::Status, wire::Transmit, wire::Control,
                               GetAttribute, SetAttribute, StateFetch>;

  /// The request a connection has in flight.
  struct Call {
    enum class Place { evaluating, line, domain, running, start_up, decision };
    Call(CallId number, const Message& request) : id(number), message(request) {}
    CallId id;
    Message message;
    std::vector<std::byte> payload;
    Charge charge;          ///< for the call
    Charge payload_charge;  ///< for the memory
    Place place = Place::evaluating;
    ReaderId reader;        ///< whose line or domain it is in
    CardHandle handle = 0;  ///< the handle a running CONNECT is about to open
    wire::ShareMode mode_before = wire::ShareMode::shared;  ///< of a running RECONNECT's handle
    bool allowed = false;  ///< its question has been answered with yes
    bool waited = false;   ///< its time in the line is over: answer instead of waiting again
  };

  enum class Wait { none, silent, live };

  struct Client {
    ClientInfo info;
    std::shared_ptr<UserAccount> account;
    Charge place;        ///< among the user's connections; nothing while it is turned away
    Charge turned_away;  ///< its place among those that only get an answer
    const wire::Dialect* dialect = &wire::default_dialect();
    ContextHandle context = 0;
    bool admitted = false;  ///< has been given a context; what readers there are is no secret to it
    std::vector<CardHandle> handles;
    std::optional<Call> call;
    CardHandle just_granted = 0;  ///< the lock, by the last answer
    Wait wait = Wait::none;
    std::uint64_t seen_generation = 0;  ///< of the last states sent to it
    std::size_t announced_slots = 0;
    bool cancel_after_silence = false;
    std::optional<TimePoint> cancel_latched_until;
  };

  struct Handle {
    CardHandle id = 0;
    ConnId conn;
    ReaderId reader;  ///< nobody once the reader is gone
    wire::ShareMode mode = wire::ShareMode::shared;
    Mark mark = Mark::none;
    Charge charge;
    bool raw = false;   ///< connected with RAW
    bool open = false;  ///< false while its CONNECT runs
  };

  struct Reader {
    ReaderId id;
    ReaderSpec spec;
    CardState card;
    std::uint16_t event_counter = 0;
    bool starting = true;
    bool check_pending = false;
    bool hinted = false;  ///< a card may have moved after the pending check looked
    bool off_pending = false;
    std::vector<CardHandle> handles;
    TransactionQueue lock;
    bool serving = false;  ///< serve_line() is at work further up the stack
    std::optional<TimePoint> poll_at;
    std::optional<TimePoint> off_at;
    bool faulty = false;
    std::uint64_t idle_reported_hold = 0;  ///< the hold that was last reported as idle
    bool idle_reported_waiters = false;    ///< and that somebody waited for it
    std::optional<TimePoint> fault_due;    ///< when the fault it has will be reported
    std::int32_t published_use = 0;        ///< -1 exclusive, 0 free, 1 in use
  };

  /// A reader that lost a handle; `clean_up`: with its lock, so that the card is to be reset.
  struct Released {
    Reader* reader = nullptr;
    bool clean_up = false;
  };

  struct Work {
    enum class Kind { call, check_presence, power_off, clean_up, close, guest };
    Kind kind = Kind::call;
    ReaderId reader{};
    ConnId conn{};
    CallId call{};
    GuestId guest{};
  };

  struct Domain {
    bool busy = false;
    std::deque<Work> queue;  // bounded: one call a connection, three own jobs a reader, a guest
  };

  // requests
  template <typename M>
  void start_call(ConnId conn, const M& message, std::span<const std::byte> payload, TimePoint now,
                  Effects& fx);
  void evaluate(ConnId conn, TimePoint now, Effects& fx);
  void run(ConnId conn, const wire::Establish& message, TimePoint now, Effects& fx);
  void run(ConnId conn, const wire::Connect& message, TimePoint now, Effects& fx);
  void run(ConnId conn, const wire::Reconnect& message, TimePoint now, Effects& fx);
  void run(ConnId conn, const wire::Disconnect& message, TimePoint now, Effects& fx);
  void run(ConnId conn, const wire::Begin& message, TimePoint now, Effects& fx);
  void run(ConnId conn, const wire::End& message, TimePoint now, Effects& fx);
  void run(ConnId conn, const wire::Status& message, TimePoint now, Effects& fx);
  void run(ConnId conn, const wire::Transmit& message, TimePoint now, Effects& fx);
  void run(ConnId conn, const wire::Control& message, TimePoint now, Effects& fx);
  void run(ConnId conn, const GetAttribute& message, TimePoint now, Effects& fx);
  void run(ConnId conn, const SetAttribute& message, TimePoint now, Effects& fx);
  void run(ConnId conn, const StateFetch& message, TimePoint now, Effects& fx);
  void run_attribute(ConnId conn, const wire::Attribute& message, JobKind kind, Effects& fx);

  /// Ends the call of `conn` with this message.
  template <typename M>
  void answer(ConnId conn, const M& message, Effects& fx) {
    client(conn).call.reset();
    fx.replies.push_back(make_reply(conn, message));
  }
  /// Ends it with a return code and no data.
  template <typename M>
  void answer_rv(ConnId conn, M message, ScardRv rv, Effects& fx) {
    set_result(message, rv);
    answer(conn, message, fx);
  }
  [[nodiscard]] Handle* find_handle(ConnId conn, std::int32_t card, Effects& fx);
  [[nodiscard]] static ScardRv mark_rv(Mark mark);
  /// What a reader's state forbids for every request on a handle.
  [[nodiscard]] ScardRv usable(const Handle& handle, const Reader* reader) const;

  // quotas
  /// False if the call of `conn` is too much for its user; it is answered then. `gives_back`: a
  /// request that ends something; it is never too much.
  bool charge_call(ConnId conn, bool gives_back, Effects& fx);
  /// False if the user of `conn` has all the handles he may have, on this reader or altogether.
  bool may_have_handle(ConnId conn, const Reader& reader, Effects& fx);
  void report_quota(ConnId conn, Resource resource, Effects& fx);
  void check_accounts() const;

  // connect
  [[nodiscard]] ScardRv check_context(ConnId conn, ContextHandle context);
  [[nodiscard]] ScardRv admit_connect(ConnId conn, const wire::Connect& message, Reader*& reader,
                                      TimePoint now, Effects& fx);
  void open_handle(ConnId conn, Reader& reader, Handle& handle, wire::Connect message,
                   std::uint32_t active, TimePoint now, Effects& fx);
  Handle& reserve_handle(ConnId conn, Reader& reader, wire::ShareMode mode, TimePoint now);
  [[nodiscard]] bool is_exclusive(const Reader& reader) const;
  /// Takes the handle from its reader and serves who waited for that.
  void drop_handle(CardHandle id, TimePoint now, Effects& fx);
  /// The same without serving anybody; the reader, if it is still there.
  Reader* take_handle(CardHandle id, TimePoint now, Effects& fx);
  void set_mode(Handle& handle, Reader& reader, wire::ShareMode mode, TimePoint now);
  void connect_beside_own_lock(ConnId conn, Reader& reader, const wire::Connect& message,
                               TimePoint now, Effects& fx);
  [[nodiscard]] std::uint32_t effective_protocol(const Reader& reader) const;

  // the line and the driver
  struct LineWait {
    std::optional<milliseconds> limit;
    bool wants_lock = false;
  };
  /// Parks the call in the line of `reader`; false if it must be answered instead.
  bool wait_in_line(ConnId conn, Reader& reader, CardHandle card, LineWait wait, TimePoint now);
  [[nodiscard]] bool is_own_lock(ConnId conn, const Reader& reader) const;
  [[nodiscard]] bool is_own_process_lock(ConnId conn, const Reader& reader) const;
  void serve_line(Reader& reader, TimePoint now, Effects& fx);
  void answer_overdue(Reader& reader, TimePoint now, Effects& fx);
  void answer_late(ConnId conn, Reader& reader, TimePoint now, Effects& fx);
  void end_silence(ConnId conn, Effects& fx);
  bool wait_for_start_up(ConnId conn, TimePoint now);
  /// True if the call of `conn` has become a question and waits for decide().
  bool wait_for_decision(ConnId conn, AccessKind kind, std::string_view reader, Effects& fx);
  /// True, and the client is dropped, if it may not know of readers.
  bool shut_out(ConnId conn, Effects& fx);
  /// True if the driver is free for the call of `conn`; else the call is queued and will be
  /// evaluated again.
  bool acquire_driver(ConnId conn, Reader& reader);
  void launch(ConnId conn, Reader& reader, Job job, Effects& fx);
  void submit(const Work& work, DomainId domain, TimePoint now, Effects& fx);
  void start_work(const Work& work, DomainId domain, TimePoint now, Effects& fx);
  void start_own_job(JobKind kind, Reader& reader, Effects& fx);
  void start_guest(const Work& work, DomainId domain, Effects& fx);
  void domain_done(DomainId domain, TimePoint now, Effects& fx);
  void forget_unused(DomainId domain);

  // finishing jobs
  void finish_connect(Job& job, const JobResult& result, TimePoint now, Effects& fx);
  void finish_reconnect(Job& job, const JobResult& result, TimePoint now, Effects& fx);
  void finish_action(Job& job, const JobResult& result, TimePoint now, Effects& fx);
  void answer_finished(Job& job, const JobResult& result, Reader* reader, TimePoint now,
                       Effects& fx);
  void close_done(const Job& job);
  void answer_call(ConnId conn, ScardRv rv, Effects& fx);
  void finish_transmit(Job& job, const JobResult& result, Effects& fx);
  void finish_control(Job& job, const JobResult& result, Effects& fx);
  void finish_attribute(Job& job, const JobResult& result, Effects& fx);
  [[nodiscard]] Call* find_call(const Job& job);

  // cards, readers, events
  void apply_card(Reader& reader, const CardState& card, TimePoint now, Effects& fx);
  void card_inserted(Reader& reader, const CardState& before, Effects& fx);
  void card_removed(Reader& reader, Effects& fx);
  void mark_handles(Reader& reader, Mark mark, CardHandle except);
  void note_use(Reader& reader, TimePoint now, Effects& fx);
  void note_fault(Reader& reader, TimePoint now);
  void plan_power_off(Reader& reader, TimePoint now);
  void plan_poll(Reader& reader, TimePoint now);
  void first_check_done(Reader& reader, TimePoint now, Effects& fx);
  void count_reader_event();
  void signal(Effects& fx);
  void complete(ConnId conn, Client& client, ScardRv rv, Effects& fx);
  void register_wait(ConnId conn, Client& client, TimePoint now, Effects& fx);
  void release_start_up(TimePoint now, Effects& fx);
  [[nodiscard]] std::vector<std::byte> states(const Client& client, StateRequest request) const;
  [[nodiscard]] std::size_t slots_to_announce() const;
  /// An empty place in the list, made if need be.
  std::unique_ptr<Reader>& make_slot(unsigned rank);
  [[nodiscard]] wire::ReaderState published(const Reader& reader) const;

  // holders
  [[nodiscard]] ReaderSnapshot snapshot_of(const Reader& reader) const;
  [[nodiscard]] bool has_transaction(const Reader& reader) const;
  [[nodiscard]] bool is_at_driver(ConnId conn) const;
  [[nodiscard]] bool idle_action_pending(const Reader& reader) const;
  [[nodiscard]] std::optional<TimePoint> idle_due(const Reader& reader) const;
  void check_idle_holder(Reader& reader, TimePoint now, Effects& fx);

  void check_call(ConnId conn, const Call& call) const;
  [[nodiscard]] Client& client(ConnId conn);
  [[nodiscard]] Reader* find_reader(ReaderId id);
  [[nodiscard]] Reader* find_reader(std::string_view name);
  [[nodiscard]] std::uint32_t fresh_number();
  /// Takes all handles of a client that leaves, and serves nobody yet: who waits for a reader would
  /// be refused because of the next handle.
  [[nodiscard]] std::vector<Released> take_handles(Client& client, TimePoint now, Effects& fx);
  void serve_released(const std::vector<Released>& released, TimePoint now, Effects& fx);
  /// Removes the clients other than `conn` that have handles on the reader and are gone, up to the
  /// first that is not: he is reason enough to refuse, and it costs a healthy daemon one look.
  void remove_gone_holders(ConnId conn, Reader& reader, TimePoint now, Effects& fx);

  const Settings settings_;
  const std::function<std::uint32_t()> random_;
  std::function<bool(const ClientInfo&)> asks_;  ///< empty: nobody is asked about
  std::function<bool(ConnId)> gone_;             ///< empty: nobody is gone
  std::uint64_t last_id_ = 0;
  UserAccounts accounts_;
  std::unordered_map<ConnId, Client> clients_;
  std::unordered_map<ContextHandle, ConnId> contexts_;
  std::unordered_map<CardHandle, Handle> handles_;
  std::unordered_map<DomainId, Domain> domains_;
  std::vector<std::unique_ptr<Reader>> slots_;    ///< by rank; may have gaps
  std::vector<std::unique_ptr<Reader>> leaving_;  ///< removed, close job not finished
  std::vector<ConnId> waiting_;                   ///< clients with Wait::silent or live
  std::deque<ConnId> start_up_;                   ///< clients whose call waits for a reader start
  int starting_ = 0;
  TimePoint start_up_until_;  ///< counts from the first of those that are starting
  bool silenced_ = false;
  std::size_t slots_high_water_ = 0;
  std::uint64_t generation_ = 1;     ///< +1 for every change a client could see
  std::uint32_t reader_events_ = 1;  ///< +1 per reader added or removed, 1 to 32767
};

}  // namespace cardea::core
