// Leaving the terminal: the process that was started waits until the daemon, its child, serves
// clients, and ends with a status that says whether it does. Owned by the composition root; used
// before threads are started and by one thread.
#pragma once

#include "base/unique_fd.hpp"

namespace cardea {

class Background {
 public:
  /// Forks. In the child, which has a session of its own and neither input nor output, the result
  /// is true. In the parent it is false, and `status` is its exit status: what the child has
  /// reported, 2 if the child died before it could, 1 if there is no child.
  bool fork_child(int& status);

  /// Tells the parent how the start went; the daemon then lets go of standard error too. Does
  /// nothing the second time, or without a parent.
  void report(int status);

  /// True in a child that has not reported yet: somebody may read standard error.
  [[nodiscard]] bool is_starting() const { return static_cast<bool>(word_); }

 private:
  UniqueFd word_;
};

}  // namespace cardea
