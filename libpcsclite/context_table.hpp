// The process's contexts and card handles by their numbers. One short mutex, never held across
// I/O or while waiting for a context. Thread-safe.
// COMPAT: pcsc-lite holds it while it waits for a busy context, which stops all other calls of the
// process, SCardCancel among them.
#pragma once

#include <pcsclite.h>

#include <map>
#include <memory>
#include <string>

#include "base/mutex.hpp"
#include "libpcsclite/client_context.hpp"

namespace cardea {

class ContextTable {
 public:
  using ContextPointer = std::shared_ptr<ClientContext>;

  /// False if a context of this number exists.
  [[nodiscard]] bool add(const ContextPointer& context);
  [[nodiscard]] bool has(std::uint32_t number) const;
  /// nullptr if there is none.
  [[nodiscard]] ContextPointer find(SCARDCONTEXT number) const;
  /// Removes the context and its card handles; nullptr if there is none.
  [[nodiscard]] ContextPointer take(SCARDCONTEXT number);

  /// A number that another context left behind (its daemon is gone) is taken over.
  void add_card(SCARDHANDLE card, const ContextPointer& context, std::string reader);
  [[nodiscard]] ContextPointer find_card(SCARDHANDLE card) const;
  /// The name given to SCardConnect; empty if the handle is not of this context.
  [[nodiscard]] std::string reader_of(SCARDHANDLE card, const ClientContext& context) const;
  void remove_card(SCARDHANDLE card, const ClientContext& context);

  /// Around fork(): the child gets an empty table that it can use, whatever the other threads of
  /// the parent were doing. The parent's contexts are leaked there, with closed descriptors.
  void prepare_fork() NO_THREAD_SAFETY_ANALYSIS { mutex_.lock(); }
  void after_fork_in_parent() NO_THREAD_SAFETY_ANALYSIS { mutex_.unlock(); }
  void after_fork_in_child() NO_THREAD_SAFETY_ANALYSIS;

 private:
  struct Card {
    ContextPointer context;
    std::string reader;
  };
  struct Tables {
    std::map<SCARDCONTEXT, ContextPointer> contexts;
    std::map<SCARDHANDLE, Card> cards;
  };

  mutable Mutex mutex_;
  std::unique_ptr<Tables> tables_ GUARDED_BY(mutex_) = std::make_unique<Tables>();
};

}  // namespace cardea
