// What the library keeps for the whole process: the contexts, the environment, and what the
// daemon speaks. Made when the library is loaded and never destroyed, because threads may still
// be inside calls while the process exits. Thread-safe.
#pragma once

#include <optional>
#include <string>

#include "base/mutex.hpp"
#include "libpcsclite/context_table.hpp"
#include "libpcsclite/handshake.hpp"

namespace cardea {

struct Environment {
  std::string socket_path;   ///< PCSCLITE_CSOCK_NAME, or the standard path
  bool no_blocking = false;  ///< PCSCLITE_NO_BLOCKING: report a locked card, do not wait for it
  bool reattaches = true;    ///< not CARDEA_NO_REATTACH: contexts survive a restart of the daemon
};

class Library {
 public:
  ContextTable contexts;
  AgreedVersion agreed_version;

  /// Read once, by the first SCardEstablishContext: programs set it after loading the library.
  /// Ignored where the process has more rights than its user (secure_getenv).
  [[nodiscard]] Environment environment();
  void set_environment_for_test(Environment environment);

  void prepare_fork() NO_THREAD_SAFETY_ANALYSIS;
  void after_fork_in_parent() NO_THREAD_SAFETY_ANALYSIS;
  void after_fork_in_child() NO_THREAD_SAFETY_ANALYSIS;

 private:
  Mutex mutex_;
  std::optional<Environment> environment_ GUARDED_BY(mutex_);
};

Library& library();

}  // namespace cardea
