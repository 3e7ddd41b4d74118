// A seeded world around one Core: readers whose driver calls take a random time and end in any
// order, cards that move, faults, readers plugged and unplugged, clients that do what clients do
// and some things they should not, and that die at any moment. Time is virtual; the same seed
// gives the same run. Test thread only.
//
// The world keeps its own book of what each client may believe, from the answers alone, and
// compares: one owner a lock, first come first served, one answer a request, one completion a
// wait. The core checks itself after each step.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/sim/entropy.hpp"
#include "tests/unit/daemon/core/core_bench.hpp"

namespace cardea::core {

class World {
 public:
  explicit World(std::uint64_t seed) : World(Entropy(seed)) {}
  explicit World(const Entropy& entropy);

  /// One random thing happens.
  void step();
  /// Nothing is left to decide what happens next.
  [[nodiscard]] bool is_over() const { return entropy_.used_up(); }
  /// Everybody goes, everything ends; then counts are zero and every reader serves a newcomer.
  void drain();

  [[nodiscard]] std::size_t grants() const { return grants_; }
  [[nodiscard]] std::size_t deaths() const { return deaths_; }
  [[nodiscard]] std::size_t completions() const { return completions_; }
  [[nodiscard]] std::size_t plugs() const { return plugs_; }
  [[nodiscard]] std::size_t drops() const { return bench_.drops(); }
  [[nodiscard]] std::size_t quota_hits() const { return bench_.quota_hits.size(); }

 private:
  /// In the line for a lock: the steps between which it was taken, 0: it has none. Not one step, as
  /// the core may or may not keep the place when the handle is used meanwhile.
  struct Place {
    std::size_t earliest = 0;
    std::size_t latest = 0;
    TimePoint kept_until;  ///< after "ask again"
  };
  /// What a client was told about one of its handles.
  struct Card {
    std::string reader;
    std::uint32_t depth = 0;  ///< BEGINs without END
    Place place;
    Place place_before;             ///< the last request
    bool owned_when_asked = false;  ///< the lock: a BEGIN nests
    bool marked = false;            ///< it was told to reconnect
  };
  enum class Asked {
    nothing,
    connect,
    reconnect,
    disconnect,
    begin,
    end,
    release,
    use,
    wait,
    other
  };
  struct Actor {
    TestClient* client = nullptr;
    std::map<CardHandle, Card> cards;
    Asked asked = Asked::nothing;
    CardHandle card = 0;
    std::string reader;
    bool asked_wait = false;  ///< WAIT since the last completion
    bool broke_rules = false;
    std::size_t completions = 0;
  };

  std::size_t random(std::size_t below) { return entropy_.below(below); }
  bool chance(std::size_t percent) { return random(100) < percent; }
  template <typename T>
  T& any(std::vector<T>& items) {
    return items[random(items.size())];
  }

  Settings any_settings();
  void add_actor();
  void act(Actor& actor);
  void act_on_card(Actor& actor, CardHandle card);
  void ask_for_events(Actor& actor);
  void kill(std::size_t index);
  /// Tells the core of a death that it may have noticed by itself.
  void report_a_death();
  void move_card();
  void plug_or_unplug();
  /// Of a reader that does not come: what waits for it goes on.
  void begin_or_end_opening();
  void end_opening();
  void script_failure(TestReader& reader);
  /// Reads the answers that have come and compares.
  void observe();
  void note_answer(Actor& actor, ScardRv rv);
  void note_begin(Actor& actor, ScardRv rv);
  void note_completions(Actor& actor);

  Entropy entropy_;
  CoreBench bench_;
  std::vector<Actor> actors_;
  std::vector<TestClient*> dying_;    ///< gone, and the core has not been told yet
  std::vector<TestReader*> readers_;  ///< plugged
  std::vector<DomainId> domains_;
  int openings_ = 0;
  std::size_t steps_ = 0;
  std::size_t names_ = 0;
  std::size_t grants_ = 0;
  std::size_t deaths_ = 0;
  std::size_t completions_ = 0;
  std::size_t plugs_ = 0;
};

}  // namespace cardea::core
