// The measurements. Each runs against any Session and prints one line of JSON; none returns a
// result, and each ends the process through fail() if the service misbehaves. Main thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bench/session.hpp"

namespace cardea::bench {

struct Options {
  std::string floor_socket;    ///< measure the floor server there instead of PC/SC
  std::string control_socket;  ///< of the virtual reader, for event_wakeup
  int rounds = 2000;
  int warmup_rounds = 100;
  double seconds = 2;  ///< length of a contention run
  int hold_ms = 5;     ///< length of the command inside a contended transaction
  int daemon_pid = 0;  ///< whose resources `idle` prints
};

/// New sessions of the chosen service.
std::unique_ptr<Session> make_session(const Options& options);
std::unique_ptr<CardMover> make_card_mover(const Options& options);

/// One operation after the other from one client. False if `name` is no such operation.
bool measure_latency(const std::string& name, const Options& options);

/// `clients` processes, each in a loop of begin, a command of hold_ms, end.
enum class Manners {
  greedy,  ///< ask again at once
  polite,  ///< ask again when somebody else has had a turn
};
void measure_contention(int clients, Manners manners, const Options& options);

/// One client of several: takes turns of hold_ms for `seconds` after a line of input, then prints
/// when each began to wait, had the card, and gave it back.
void measure_turns(const Options& options);

/// `waiters` processes wait for the card to move; times from the move to their returns.
void measure_wakeup(int waiters, const Options& options);

/// Opens `clients` contexts and prints what the daemon needs for them.
void measure_idle(int clients, const Options& options);

}  // namespace cardea::bench
