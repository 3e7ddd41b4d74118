// The process's contexts and card handles by their numbers. One short mutex, never held across
// I/O or while waiting for a context. Thread-safe.
// COMPAT: pcsc-lite holds it while it waits for a busy context, which stops all other calls of the
// process, SCardCancel among them.
#pragma once

#include <pcsclite.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/mutex.hpp"
#include "libpcsclite/client_context.hpp"

namespace cardea {

/// A card handle of the application.
struct CardEntry {
  std::shared_ptr<ClientContext> context;
  std::shared_ptr<const std::string> reader;  ///< the name given to SCardConnect
  std::int32_t daemon_handle = 0;             ///< hCard of requests
  unsigned attachment = 0;                    ///< the connection of the context that it was made on
};

class ContextTable {
 public:
  using ContextPointer = std::shared_ptr<ClientContext>;

  /// Makes a context with a number that no other has: `preferred` if it is free.
  [[nodiscard]] ContextPointer add(SCARDCONTEXT preferred, std::uint32_t scope);
  /// nullptr if there is none.
  [[nodiscard]] ContextPointer find(SCARDCONTEXT number) const;
  /// Removes the context and its card handles; nullptr if there is none.
  [[nodiscard]] ContextPointer take(SCARDCONTEXT number);

  /// The application's handle: the daemon's if it is free.
  [[nodiscard]] SCARDHANDLE add_card(CardEntry entry);
  /// nullopt if there is no such handle.
  [[nodiscard]] std::optional<CardEntry> find_card(SCARDHANDLE card) const;
  /// The handle stands for another one of the daemon from now on. Nothing if it is gone.
  void replace_card(SCARDHANDLE card, CardEntry entry);
  void remove_card(SCARDHANDLE card);

  /// Around fork(): the child gets contexts and handles of the same numbers that are not attached,
  /// whatever the other threads of the parent were doing. The parent's contexts are leaked there,
  /// with closed descriptors.
  void prepare_fork() NO_THREAD_SAFETY_ANALYSIS { mutex_.lock(); }
  void after_fork_in_parent() NO_THREAD_SAFETY_ANALYSIS { mutex_.unlock(); }
  void after_fork_in_child() NO_THREAD_SAFETY_ANALYSIS;

 private:
  struct Tables {
    std::map<SCARDCONTEXT, ContextPointer> contexts;
    std::map<SCARDHANDLE, CardEntry> cards;
  };

  mutable Mutex mutex_;
  std::unique_ptr<Tables> tables_ GUARDED_BY(mutex_) = std::make_unique<Tables>();
};

}  // namespace cardea
