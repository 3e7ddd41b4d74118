// Several client processes want the same card. Each notes the times of its turns in shared
// memory; the parent joins them into one history and says how long the card stood idle between
// two owners while somebody waited, how long the waits were, and who got how many turns.
#include <algorithm>
#include <atomic>
#include <vector>

#include "bench/measurements.hpp"
#include "bench/processes.hpp"
#include "bench/samples.hpp"
#include "bench/shared_memory.hpp"

namespace cardea::bench {
namespace {

constexpr std::size_t kTurnsMax = 100'000;  ///< per client; later turns are not noted

struct Turn {
  Nanoseconds begin_call;
  Nanoseconds begin_return;
  Nanoseconds end_call;
};

struct Client {
  std::size_t turns;
  Turn turn[kTurnsMax];
};

struct Run {
  std::atomic<Nanoseconds> deadline;
  std::atomic<int> last_owner;  ///< index + 1; written by the owner of the transaction only
};

int milliseconds_until(Nanoseconds deadline) {
  return static_cast<int>(std::max<Nanoseconds>((deadline - now_ns()) / 1'000'000 + 1, 0));
}

class Contender {
 public:
  Contender(int index, Manners manners, const Options& options, Run& run, Client& client,
            const std::vector<Signal>& relieved)
      : index_(index),
        manners_(manners),
        options_(options),
        run_(run),
        client_(client),
        relieved_(relieved),
        session_(make_session(options)) {}

  void prepare() {
    session_->establish();
    session_->connect();
  }

  void take_turns() {
    while (now_ns() < run_.deadline && client_.turns < kTurnsMax) {
      Turn& turn = client_.turn[client_.turns];
      turn.begin_call = now_ns();
      session_->begin();
      turn.begin_return = now_ns();
      relieve_last_owner();
      session_->keep_busy(static_cast<unsigned>(options_.hold_ms));
      turn.end_call = now_ns();
      session_->end();
      ++client_.turns;
      if (manners_ == Manners::polite) (void)relieved().take(milliseconds_until(run_.deadline));
    }
    session_->disconnect();
    session_->release();
  }

 private:
  [[nodiscard]] const Signal& relieved() const {
    return relieved_[static_cast<std::size_t>(index_)];
  }
  void relieve_last_owner() {
    const int last = run_.last_owner.exchange(index_ + 1) - 1;
    if (manners_ == Manners::polite && last >= 0 && last != index_) {
      relieved_[static_cast<std::size_t>(last)].raise();
    }
  }

  int index_;
  Manners manners_;
  const Options& options_;
  Run& run_;
  Client& client_;
  const std::vector<Signal>& relieved_;
  std::unique_ptr<Session> session_;
};

struct OwnedTurn {
  Turn turn;
  int owner;
};

/// All turns, ordered by their begin.
std::vector<OwnedTurn> history(SharedArray<Client>& clients, int count) {
  std::vector<OwnedTurn> turns;
  for (int owner = 0; owner < count; ++owner) {
    const Client& client = clients[static_cast<std::size_t>(owner)];
    for (std::size_t i = 0; i < client.turns; ++i) turns.push_back({client.turn[i], owner});
  }
  std::sort(turns.begin(), turns.end(), [](const OwnedTurn& left, const OwnedTurn& right) {
    return left.turn.begin_return < right.turn.begin_return;
  });
  return turns;
}

/// True if at `time` somebody had called begin and not yet got it.
bool somebody_waited(const std::vector<OwnedTurn>& later_turns_from, std::size_t first,
                     Nanoseconds time) {
  return std::any_of(later_turns_from.begin() + static_cast<std::ptrdiff_t>(first),
                     later_turns_from.end(),
                     [time](const OwnedTurn& turn) { return turn.turn.begin_call <= time; });
}

void report(const std::vector<OwnedTurn>& turns, int clients, Manners manners, Nanoseconds start,
            Nanoseconds deadline) {
  std::vector<Nanoseconds> handovers;
  std::vector<Nanoseconds> waits;
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(clients));
  Nanoseconds held = 0;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const Turn& turn = turns[i].turn;
    waits.push_back(turn.begin_return - turn.begin_call);
    if (turn.end_call <= deadline) {
      ++counts[static_cast<std::size_t>(turns[i].owner)];
      held += turn.end_call - turn.begin_return;
      const bool has_next = i + 1 < turns.size();
      if (has_next && somebody_waited(turns, i + 1, turn.end_call)) {
        handovers.push_back(turns[i + 1].turn.begin_return - turn.end_call);
      }
    }
  }
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  JsonLine()
      .text("op", manners == Manners::polite ? "handover" : "contention")
      .count("clients", static_cast<std::uint64_t>(clients))
      .count("turns_least", *least)
      .count("turns_most", *most)
      .number("evenness", evenness(counts))
      .number("jain", jain_index(counts))
      .number("held_share", static_cast<double>(held) / static_cast<double>(deadline - start))
      .summary("handover_", std::move(handovers))
      .summary("wait_", std::move(waits))
      .print();
}

}  // namespace

void measure_contention(int clients, Manners manners, const Options& options) {
  SharedArray<Client> shared_clients(static_cast<std::size_t>(clients));
  SharedArray<Run> shared_run(1);
  Run& run = shared_run[0];
  const std::vector<Signal> relieved(static_cast<std::size_t>(clients));
  Processes processes(clients, [&](int index, const std::function<void()>& ready_and_go) {
    Contender contender(index, manners, options, run,
                        shared_clients[static_cast<std::size_t>(index)], relieved);
    contender.prepare();
    ready_and_go();
    contender.take_turns();
  });
  const Nanoseconds start = now_ns();
  run.deadline = start + static_cast<Nanoseconds>(options.seconds * 1e9);
  processes.go();
  processes.join();
  report(history(shared_clients, clients), clients, manners, start, run.deadline);
}

}  // namespace cardea::bench
