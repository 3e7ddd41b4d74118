// Client processes that start together: each prepares, reports that it is ready, and goes when
// all are. Owned by the parent, which is single-threaded.
#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

#include "base/unique_fd.hpp"

namespace cardea::bench {

/// An eventfd as a counting signal between processes, created before the fork.
class Signal {
 public:
  Signal();
  void raise() const;
  /// Takes one raise; false if none came within `timeout_ms` (-1: waits without limit).
  [[nodiscard]] bool take(int timeout_ms) const;

 private:
  UniqueFd fd_;
};

class Processes final {
 public:
  /// What child `index` does; it calls `ready_and_go` once it is prepared, and then starts.
  using Body = std::function<void(int index, const std::function<void()>& ready_and_go)>;

  /// Forks `count` children and returns when all of them are ready.
  Processes(int count, const Body& body);
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;
  /// Ends children that join() has not seen.
  ~Processes();

  void go();
  /// Waits for all; fails unless each ended with status 0.
  void join();

 private:
  void run_child(int index, const Body& body);

  Signal ready_;
  Signal go_;
  std::vector<pid_t> children_;
};

}  // namespace cardea::bench
