// A Core with everything around it that a test steers: the clock, the readers' drivers and when
// their jobs run. Jobs run at once, through the real CardChannel on a ScriptedDriver, unless the
// test holds them. The invariants of the core are checked after every step. Test thread only.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "daemon/core/core.hpp"
#include "tests/fakes/scripted_driver.hpp"
#include "tests/unit/daemon/core/test_client.hpp"

namespace cardea::core {

struct TestReader {
  ReaderId id;
  std::string name;
  std::shared_ptr<DriverScript> script = std::make_shared<DriverScript>();
  std::unique_ptr<ScriptedDriver> driver;  ///< nullptr once the close job has run
};

struct TestReaderOptions {
  bool card = true;  ///< a good card is in from the start
  bool driver_events = true;
  bool version_2 = false;
  DomainId domain{};    ///< nobody: one of its own
  bool broken = false;  ///< as with CoreBench::break_presence()
  std::string alias{};
  PowerOff power_off{};
  unsigned rank = ReaderSpec::kPluggedRank;
};

class CoreBench {
 public:
  explicit CoreBench(const Settings& settings = {});

  // --- clients ---------------------------------------------------------------------------------
  /// A client with a context, of a process of its own and uid 1000 unless `info` says otherwise.
  TestClient& add_client(const wire::Dialect& dialect = wire::newest_dialect());
  TestClient& add_client_of(const ClientInfo& info,
                            const wire::Dialect& dialect = wire::newest_dialect());

  // --- readers ---------------------------------------------------------------------------------
  TestReader& add_reader(const std::string& name, const TestReaderOptions& options = {});
  void unplug(const TestReader& reader);
  void insert(const TestReader& reader);
  void insert_mute(const TestReader& reader);
  void remove_card(const TestReader& reader);
  /// The next presence check fails with `rv`; it happens now.
  void fail_presence(const TestReader& reader, IfdRv rv);
  /// The next 1 000 presence checks fail.
  static void break_presence(const TestReader& reader);
  void hint(const TestReader& reader);

  // --- jobs ------------------------------------------------------------------------------------
  /// From now on jobs wait for run_job() or release_jobs().
  void hold_jobs() { holding_ = true; }
  /// Runs what waits, and what follows, at once again.
  void release_jobs();
  /// Runs one waiting job, by default the oldest. False if there is none.
  bool run_job(std::size_t index = 0);
  [[nodiscard]] std::vector<JobKind> waiting_jobs() const;

  // --- time ------------------------------------------------------------------------------------
  [[nodiscard]] TimePoint now() const { return now_; }
  /// Lets time pass; every deadline on the way is met exactly.
  void advance(milliseconds time);

  /// Runs `visit(core, effects)` and carries out the effects.
  template <typename Visit>
  void step(const Visit& visit) {
    Effects fx;
    visit(core_, fx);
    absorb(fx);
    settle();
    core_.check_invariants();
  }
  [[nodiscard]] Core& core() { return core_; }
  [[nodiscard]] std::size_t drops() const { return drops_; }
  std::vector<std::string> log;     ///< texts of the records
  std::vector<ReaderId> faulty;     ///< reported as such
  std::vector<Question> questions;  ///< asked so far
  std::vector<CallId> withdrawn;
  std::vector<IdleHold> idle_holds;
  std::vector<QuotaHit> quota_hits;

 private:
  friend class TestClient;
  void absorb(Effects& fx);
  void settle();

  TimePoint now_;
  std::uint32_t last_random_ = 0;
  std::int64_t last_pid_ = 100;
  Core core_;
  std::vector<std::unique_ptr<TestClient>> clients_;
  std::vector<std::unique_ptr<TestReader>> readers_;
  std::deque<Job> jobs_;
  bool holding_ = false;
  std::size_t drops_ = 0;
  std::array<std::byte, wire::kPayloadBytesMax> scratch_{};
};

}  // namespace cardea::core
