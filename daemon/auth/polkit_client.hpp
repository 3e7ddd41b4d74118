// Asks polkit over the system bus. A thread of its own is the only one that uses the bus, and
// nobody ever waits for it: answers come by a function. Each question has an end, whatever the bus
// and polkit do.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "base/unique_fd.hpp"
#include "daemon/auth/petition.hpp"

struct sd_bus;
struct sd_bus_message;
struct sd_bus_slot;

namespace cardea::auth {

class PolkitClient {
 public:
  struct Timing {
    milliseconds answer{5'000};          ///< polkit's, if nobody has to be asked for a password
    milliseconds conversation{120'000};  ///< if somebody has
  };
  /// Questions polkit has at the same time; a bus allows 128 as a rule. Of one user less, so that
  /// none takes all places.
  static constexpr std::size_t kAskedMax = 64;
  static constexpr std::size_t kAskedPerUserMax = 8;

  enum class Verdict {
    yes,
    no,
    undecided,  ///< somebody should have answered and has not
    absent,     ///< this machine has no system bus, and so nobody to ask
  };
  struct Answer {
    Petition petition;
    Verdict verdict = Verdict::undecided;
    std::string why;  ///< undecided: what went wrong
  };
  /// Called on the client's thread, once for each question that is not withdrawn.
  using Done = std::function<void(const Answer& answer)>;

  /// nullptr if the system has no thread or no descriptor for it.
  static std::shared_ptr<PolkitClient> create(Timing timing, Done done);
  /// Questions that are still open are not answered any more.
  ~PolkitClient();
  PolkitClient(const PolkitClient&) = delete;
  PolkitClient& operator=(const PolkitClient&) = delete;

  /// Any thread.
  void ask(Petition petition) EXCLUDES(mutex_);
  /// The client that waits for this answer has gone. Any thread.
  void withdraw(core::CallId call) EXCLUDES(mutex_);

 private:
  PolkitClient(Timing timing, Done done, UniqueFd wake);
  struct Asked {
    PolkitClient* owner = nullptr;
    Petition petition;
    TimePoint deadline;
    bool conversation = false;  ///< polkit may let an agent ask the user
    bool sent = false;
    sd_bus_slot* slot = nullptr;
  };
  using AskedPtr = std::unique_ptr<Asked>;

  void run();
  void take_orders() EXCLUDES(mutex_);
  void send_waiting();
  void expire(TimePoint now);
  /// 0, or a negative errno.
  int send(Asked& asked);
  int process_bus();
  /// All open questions end with this.
  void drop_bus(Verdict verdict, const std::string& why);
  void cancel(const Asked& asked);
  /// Forgets the question; nullptr if it is not known.
  AskedPtr take(std::uint64_t call);
  void finish(std::uint64_t call, Verdict verdict, const std::string& why);
  [[nodiscard]] int wait_limit_ms() const;
  int answered(Asked& asked, sd_bus_message* message);

  const Timing timing_;
  const Done done_;
  const UniqueFd wake_;  ///< eventfd: there are orders

  Mutex mutex_;
  std::vector<Petition> new_ GUARDED_BY(mutex_);  ///< bounded: one for each connection
  std::vector<core::CallId> withdrawn_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;

  // Of the thread alone.
  sd_bus* bus_ = nullptr;
  std::map<std::uint64_t, AskedPtr> asked_;  ///< by call; all that are not answered
  std::deque<std::uint64_t> waiting_;        ///< calls that are not sent yet
  std::map<uid_t, std::size_t> sent_of_;     ///< how many are sent, by user
  std::size_t sent_ = 0;
  std::thread thread_;
};

}  // namespace cardea::auth
