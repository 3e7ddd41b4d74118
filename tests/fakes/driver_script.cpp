#include "tests/fakes/driver_script.hpp"

#include <algorithm>
#include <utility>

namespace cardea {
namespace {

/// Ends a test that waits for something that never comes.
constexpr std::chrono::seconds kHangLimit{30};

}  // namespace

const DriverScript::Bytes DriverScript::kAtrT01{0x3B, 0x80, 0x80, 0x01, 0x01};
const DriverScript::Bytes DriverScript::kAtrT0{0x3B, 0x00};
const DriverScript::Bytes DriverScript::kAtrT1{0x3B, 0x80, 0x01, 0x81};

void DriverScript::insert_card(Bytes atr) { move_card(Card::good, std::move(atr)); }

void DriverScript::insert_mute_card() { move_card(Card::mute, {}); }

void DriverScript::remove_card() { move_card(Card::none, {}); }

void DriverScript::move_card(Card card, Bytes atr) {
  const MutexLock lock(mutex_);
  card_ = card;
  atr_ = std::move(atr);
  powered_ = false;
  event_pending_ = true;
  changed_.notify_all();
}

void DriverScript::queue_result(DriverCall call, IfdRv rv) {
  const MutexLock lock(mutex_);
  results_[index(call)].push_back(rv);
  changed_.notify_all();
}

void DriverScript::queue_response(DriverCall call, Bytes response) {
  const MutexLock lock(mutex_);
  responses_[index(call)].push_back(std::move(response));
}

void DriverScript::set_capability_value(std::uint32_t tag, Bytes value) {
  const MutexLock lock(mutex_);
  capabilities_[tag] = std::move(value);
}

void DriverScript::hold(DriverCall call) {
  const MutexLock lock(mutex_);
  held_[index(call)] = true;
}

void DriverScript::release(DriverCall call) {
  const MutexLock lock(mutex_);
  held_[index(call)] = false;
  changed_.notify_all();
}

bool DriverScript::wait_until_held(DriverCall call) {
  const TimePoint limit = Clock::now() + kHangLimit;
  const MutexLock lock(mutex_);
  while (blocked_[index(call)] == 0) {
    if (changed_.wait_until(mutex_, limit) == std::cv_status::timeout) {
      return blocked_[index(call)] > 0;
    }
  }
  return true;
}

void DriverScript::signal_event() {
  const MutexLock lock(mutex_);
  event_pending_ = true;
  changed_.notify_all();
}

std::vector<std::string> DriverScript::calls() const {
  const MutexLock lock(mutex_);
  return calls_;
}

bool DriverScript::wait_until_called(const std::string& line, std::size_t times) {
  const TimePoint limit = Clock::now() + kHangLimit;
  const MutexLock lock(mutex_);
  for (;;) {
    const auto count = std::count(calls_.begin(), calls_.end(), line);
    if (static_cast<std::size_t>(count) >= times) return true;
    if (Clock::now() >= limit) return false;
    (void)changed_.wait_until(mutex_, limit);  // the loop looks again either way
  }
}

void DriverScript::record(const std::string& line) {
  calls_.push_back(line);
  changed_.notify_all();
}

void DriverScript::enter(DriverCall call, const std::string& line) {
  record(line);
  ++blocked_[index(call)];
  changed_.notify_all();
  while (held_[index(call)]) changed_.wait(mutex_);
  --blocked_[index(call)];
}

IfdRv DriverScript::result_of(DriverCall call, IfdRv otherwise) {
  auto& queue = results_[index(call)];
  if (queue.empty()) return otherwise;
  const IfdRv rv = queue.front();
  queue.pop_front();
  return rv;
}

bool DriverScript::take_response(DriverCall call, Bytes& out) {
  auto& queue = responses_[index(call)];
  if (queue.empty()) return false;
  out = std::move(queue.front());
  queue.pop_front();
  return true;
}

}  // namespace cardea
