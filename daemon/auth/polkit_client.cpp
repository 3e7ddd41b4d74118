#include "daemon/auth/polkit_client.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "base/log.hpp"
#include "base/thread.hpp"

namespace cardea::auth {
namespace {

constexpr const char* kName = "org.freedesktop.PolicyKit1";
constexpr const char* kPath = "/org/freedesktop/PolicyKit1/Authority";
constexpr const char* kInterface = "org.freedesktop.PolicyKit1.Authority";
/// CheckAuthorization's flag: the user may be asked for a password.
constexpr std::uint32_t kAllowUserInteraction = 1;

std::string cancellation_id(std::uint64_t call) { return "pcscd-" + std::to_string(call); }

/// Unreferences at the end of a scope.
struct MessageRef {
  sd_bus_message* message = nullptr;
  MessageRef() = default;
  ~MessageRef() { ::sd_bus_message_unref(message); }
  MessageRef(const MessageRef&) = delete;
  MessageRef& operator=(const MessageRef&) = delete;
};

/// The process as polkit's subject. A polkit that knows pidfds (124) prefers it to the number; an
/// older one does not look at it.
int append_subject(sd_bus* bus, sd_bus_message* message, const Petition& petition) {
  int result = ::sd_bus_message_open_container(message, 'r', "sa{sv}");
  if (result >= 0) result = ::sd_bus_message_append(message, "s", "unix-process");
  if (result >= 0) result = ::sd_bus_message_open_container(message, 'a', "{sv}");
  if (result >= 0) {
    result = ::sd_bus_message_append(message, "{sv}{sv}{sv}", "pid", "u",
                                     static_cast<std::uint32_t>(petition.peer.pid), "start-time",
                                     "t", petition.start_time, "uid", "i",
                                     static_cast<std::int32_t>(petition.peer.uid));
  }
  if (result >= 0 && petition.pidfd && ::sd_bus_can_send(bus, SD_BUS_TYPE_UNIX_FD) > 0) {
    result = ::sd_bus_message_append(message, "{sv}", "pidfd", "h", petition.pidfd.get());
  }
  if (result >= 0) result = ::sd_bus_message_close_container(message);
  if (result >= 0) result = ::sd_bus_message_close_container(message);
  return result;
}

int append_details(sd_bus_message* message, const core::Question& question) {
  if (question.kind == core::AccessKind::pcsc) {
    return ::sd_bus_message_append(message, "a{ss}", 0);
  }
  // D-Bus takes UTF-8 only; what else a client sends as a name fits no reader anyway.
  return ::sd_bus_message_append(message, "a{ss}", 1, "reader",
                                 log::escape(question.reader).c_str());
}

}  // namespace

std::shared_ptr<PolkitClient> PolkitClient::create(Timing timing, Done done) {
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return nullptr;
  std::shared_ptr<PolkitClient> client(new PolkitClient(timing, std::move(done), std::move(wake)));
  if (!start_thread(client->thread_, [raw = client.get()] { raw->run(); })) return nullptr;
  return client;
}

PolkitClient::PolkitClient(Timing timing, Done done, UniqueFd wake)
    : timing_(timing), done_(std::move(done)), wake_(std::move(wake)) {}

PolkitClient::~PolkitClient() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
}

void PolkitClient::ask(Petition petition) {
  {
    MutexLock lock(mutex_);
    new_.push_back(std::move(petition));
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

void PolkitClient::withdraw(core::CallId call) {
  {
    MutexLock lock(mutex_);
    withdrawn_.push_back(call);
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

void PolkitClient::run() {
  for (;;) {
    take_orders();
    {
      MutexLock lock(mutex_);
      if (stopping_) break;
    }
    expire(Clock::now());
    if (const int worked = process_bus(); worked < 0) {
      drop_bus(Verdict::undecided,
               std::string("the system bus is gone: ") + std::strerror(-worked));
    }
    send_waiting();
    const int events = bus_ == nullptr ? 0 : std::max(0, ::sd_bus_get_events(bus_));
    std::array<pollfd, 2> waits{
        {{wake_.get(), POLLIN, 0},
         {bus_ == nullptr ? -1 : ::sd_bus_get_fd(bus_), static_cast<short>(events), 0}}};
    ::poll(waits.data(), waits.size(), wait_limit_ms());
  }
  for (auto& [call, asked] : asked_) ::sd_bus_slot_unref(asked->slot);
  asked_.clear();
  ::sd_bus_close_unref(bus_);
}

void PolkitClient::take_orders() {
  std::uint64_t count = 0;
  (void)!::read(wake_.get(), &count, sizeof count);
  std::vector<Petition> petitions;
  std::vector<core::CallId> withdrawn;
  {
    MutexLock lock(mutex_);
    petitions.swap(new_);
    withdrawn.swap(withdrawn_);
  }
  for (Petition& petition : petitions) {
    const std::uint64_t call = petition.question.call.value;
    auto asked = std::make_unique<Asked>();
    asked->owner = this;
    asked->petition = std::move(petition);
    asked->deadline = Clock::now() + timing_.answer;
    asked_[call] = std::move(asked);
    waiting_.push_back(call);
  }
  for (const core::CallId call : withdrawn) {
    const AskedPtr asked = take(call.value);
    if (asked && asked->conversation) cancel(*asked);
  }
}

void PolkitClient::send_waiting() {
  if (waiting_.empty()) return;
  const int result = bus_ == nullptr ? ::sd_bus_open_system(&bus_) : 0;
  // A bus that has crashed leaves its socket, and systemd keeps it in any case.
  if (result == -ENOENT) return drop_bus(Verdict::absent, "there is no system bus");
  // Before the bus has greeted us some calls of sd-bus wait for that.
  if (result >= 0 && ::sd_bus_is_ready(bus_) <= 0) return;
  if (result < 0) {
    return drop_bus(Verdict::undecided,
                    std::string("the system bus cannot be reached: ") + std::strerror(-result));
  }
  std::vector<std::pair<std::uint64_t, std::string>> failed;
  for (auto call = waiting_.begin(); call != waiting_.end() && sent_ < kAskedMax;) {
    Asked& asked = *asked_.at(*call);
    const uid_t user = asked.petition.peer.uid;
    const auto sent = sent_of_.find(user);
    if (sent != sent_of_.end() && sent->second >= kAskedPerUserMax) {
      ++call;
      continue;
    }
    const std::uint64_t number = *call;
    call = waiting_.erase(call);
    asked.sent = true;
    ++sent_;
    ++sent_of_[user];
    std::string why = asked.petition.obstacle;
    const int error = why.empty() ? send(asked) : 0;
    if (error < 0) why = std::string("polkit cannot be asked: ") + std::strerror(-error);
    if (!why.empty()) failed.emplace_back(number, std::move(why));
  }
  for (const auto& [number, why] : failed) finish(number, Verdict::undecided, why);
}

int PolkitClient::send(Asked& asked) {
  MessageRef call;
  int result = ::sd_bus_message_new_method_call(bus_, &call.message, kName, kPath, kInterface,
                                                "CheckAuthorization");
  const core::Question& question = asked.petition.question;
  if (result >= 0) result = append_subject(bus_, call.message, asked.petition);
  if (result >= 0) result = ::sd_bus_message_append(call.message, "s", action_id(question.kind));
  if (result >= 0) result = append_details(call.message, question);
  if (result >= 0) {
    const std::string id = asked.conversation ? cancellation_id(question.call.value) : "";
    result = ::sd_bus_message_append(call.message, "us",
                                     asked.conversation ? kAllowUserInteraction : 0U, id.c_str());
  }
  if (result < 0) return result;
  // Deadlines are ours: those of sd-bus do not run while it connects.
  const auto callback = [](sd_bus_message* message, void* self, sd_bus_error*) {
    Asked& answered = *static_cast<Asked*>(self);
    return answered.owner->answered(answered, message);
  };
  return ::sd_bus_call_async(bus_, &asked.slot, call.message, callback, &asked, UINT64_MAX);
}

int PolkitClient::answered(Asked& asked, sd_bus_message* message) {
  const std::uint64_t call = asked.petition.question.call.value;
  if (::sd_bus_message_is_method_error(message, nullptr) > 0) {
    const sd_bus_error* error = ::sd_bus_message_get_error(message);
    finish(call, Verdict::undecided,
           "polkit cannot be asked: " + log::escape(error->name) + ": " +
               log::escape(error->message != nullptr ? error->message : ""));
    return 1;
  }
  int is_authorized = 0;
  int is_challenge = 0;
  int result = ::sd_bus_message_enter_container(message, 'r', "bba{ss}");
  if (result >= 0) result = ::sd_bus_message_read(message, "bb", &is_authorized, &is_challenge);
  if (result < 0) {
    finish(call, Verdict::undecided, "polkit's answer makes no sense");
  } else if (is_authorized == 0 && is_challenge != 0 && !asked.conversation) {
    // The administrator wants a password. That takes time, which a dead polkit is not given.
    asked.slot = ::sd_bus_slot_unref(asked.slot);
    asked.conversation = true;
    asked.deadline = Clock::now() + timing_.conversation;
    if (const int sent = send(asked); sent < 0) {
      finish(call, Verdict::undecided,
             std::string("polkit cannot be asked: ") + std::strerror(-sent));
    }
  } else {
    finish(call, is_authorized != 0 ? Verdict::yes : Verdict::no, {});
  }
  return 1;
}

PolkitClient::AskedPtr PolkitClient::take(std::uint64_t call) {
  const auto found = asked_.find(call);
  if (found == asked_.end()) return nullptr;
  AskedPtr asked = std::move(found->second);
  asked_.erase(found);
  std::erase(waiting_, call);
  asked->slot = ::sd_bus_slot_unref(asked->slot);
  if (asked->sent) {
    --sent_;
    const auto user = sent_of_.find(asked->petition.peer.uid);
    if (--user->second == 0) sent_of_.erase(user);
  }
  return asked;
}

void PolkitClient::finish(std::uint64_t call, Verdict verdict, const std::string& why) {
  if (const AskedPtr asked = take(call)) done_({std::move(asked->petition), verdict, why});
}

void PolkitClient::cancel(const Asked& asked) {
  if (bus_ == nullptr) return;
  MessageRef call;
  int result = ::sd_bus_message_new_method_call(bus_, &call.message, kName, kPath, kInterface,
                                                "CancelCheckAuthorization");
  const std::string id = cancellation_id(asked.petition.question.call.value);
  if (result >= 0) result = ::sd_bus_message_append(call.message, "s", id.c_str());
  if (result >= 0) result = ::sd_bus_message_set_expect_reply(call.message, 0);
  // If this fails a window stays open that nobody needs, until its time is over.
  if (result >= 0) ::sd_bus_send(bus_, call.message, nullptr);
}

int PolkitClient::process_bus() {
  int worked = 1;
  while (bus_ != nullptr && worked > 0) worked = ::sd_bus_process(bus_, nullptr);
  return bus_ == nullptr ? 0 : worked;
}

void PolkitClient::drop_bus(Verdict verdict, const std::string& why) {
  while (!asked_.empty()) finish(asked_.begin()->first, verdict, why);
  ::sd_bus_close_unref(bus_);  // nothing is flushed: that could wait
  bus_ = nullptr;
}

void PolkitClient::expire(TimePoint now) {
  std::vector<std::uint64_t> late;
  for (const auto& [call, asked] : asked_) {
    if (asked->deadline <= now) late.push_back(call);
  }
  if (late.empty()) return;
  const bool connected = bus_ != nullptr && ::sd_bus_is_ready(bus_) > 0;
  for (const std::uint64_t call : late) {
    const Asked& asked = *asked_.at(call);
    if (asked.conversation) cancel(asked);
    finish(call, Verdict::undecided,
           connected ? "polkit has not answered in time" : "the system bus does not answer");
  }
  // A bus that does not even greet us is given up, and the next question tries anew.
  if (!connected) drop_bus(Verdict::undecided, "the system bus does not answer");
}

int PolkitClient::wait_limit_ms() const {
  std::optional<TimePoint> until;
  for (const auto& [call, asked] : asked_) {
    if (!until || asked->deadline < *until) until = asked->deadline;
  }
  std::uint64_t bus_us = UINT64_MAX;
  if (bus_ != nullptr && ::sd_bus_get_timeout(bus_, &bus_us) >= 0 && bus_us != UINT64_MAX) {
    const auto bus_until = TimePoint(std::chrono::microseconds(bus_us));
    if (!until || bus_until < *until) until = bus_until;
  }
  if (!until) return -1;
  const auto left = std::chrono::ceil<milliseconds>(*until - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, INT_MAX));
}

}  // namespace cardea::auth
