// What happens in the server, on its way to the control thread: a bounded queue that pool threads
// fill without waiting, and an event descriptor that wakes the control thread. Empty and silent
// while nobody monitors or traces. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/mutex.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "daemon/client/server_observer.hpp"

namespace cardea {

struct ClientCame {
  core::ConnId conn;
  PeerCredentials peer;
};
struct ClientGone {
  core::ConnId conn;
};
struct HolderIdle {
  std::string reader;
  core::ConnId holder;
  bool reset = false;
};
using ControlEvent = std::variant<ClientCame, ClientGone, core::Change, HolderIdle, Exchange>;

struct TimedEvent {
  std::chrono::system_clock::time_point time;  ///< when it happened
  ControlEvent event;
};

class ControlHub final : public ServerObserver {
 public:
  /// Beyond, events are counted and lost.
  static constexpr std::size_t kEventsMax = 4096;

  static Result<std::unique_ptr<ControlHub>> create();

  // --- pool threads ---
  [[nodiscard]] bool wants_changes() const noexcept override { return wants_changes_; }
  [[nodiscard]] bool wants_exchanges() const noexcept override { return wants_exchanges_; }
  void client_came(core::ConnId conn, const PeerCredentials& peer) override;
  void client_gone(core::ConnId conn) override;
  void changed(std::vector<core::Change> changes) override;
  void holder_idle(const std::string& reader, core::ConnId holder, bool reset) override;
  void exchanged(Exchange exchange) override;

  // --- the control thread ---
  [[nodiscard]] int fd() const { return wake_.get(); }
  void want(bool changes, bool exchanges);
  struct Batch {
    std::deque<TimedEvent> events;
    std::uint64_t lost = 0;  ///< after these
  };
  /// Takes all there is, and with it the wake-up.
  Batch take() EXCLUDES(mutex_);

 private:
  explicit ControlHub(UniqueFd wake) : wake_(std::move(wake)) {}
  void push(ControlEvent event) EXCLUDES(mutex_);

  const UniqueFd wake_;
  std::atomic<bool> wants_changes_{false};
  std::atomic<bool> wants_exchanges_{false};
  Mutex mutex_;
  Batch batch_ GUARDED_BY(mutex_);
};

}  // namespace cardea
