#include "drivers/ccid/ccid_device.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "base/scope_exit.hpp"
#include "drivers/ccid/driver_log.hpp"

namespace cardea::ccid {
namespace {

constexpr int kWriteTimeoutMs = 5'000;
constexpr int kAbortTimeoutMs = 1'000;
/// Answers to earlier commands that are skipped before a command counts as failed.
constexpr unsigned kStaleAnswersMax = 10;
constexpr std::size_t kInboxAnswersMax = 16;
/// A whole number of packets of any speed, so that no answer overflows the last one; and whatever
/// the reader says of its messages, as some send longer ones.
constexpr std::size_t kReadBytes = 65 * std::size_t{1024};
static_assert(kReadBytes >= kMessageBytesMax);

int ms_until(TimePoint deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 1, kExtendedTimeMsMax));
}

RESPONSECODE code_of(IoStatus status) {
  return status == IoStatus::gone ? IFD_NO_SUCH_DEVICE : IFD_COMMUNICATION_ERROR;
}

}  // namespace

CcidDevice::CcidDevice(BulkPipe& pipe, const CcidDescriptor& descriptor, bool log_traffic)
    : pipe_(pipe),
      busy_max_(descriptor.max_busy_slots),
      log_traffic_(log_traffic),
      slots_(descriptor.slots),
      read_buffer_(kReadBytes) {}

IfdResult<Answer> CcidDevice::exchange(const CommandMessage& message, int timeout_ms) {
  std::uint8_t sequence = 0;
  if (!enter(message.slot, sequence)) return ifd_failure(IFD_NO_SUCH_DEVICE);
  const ScopeExit leaving([this] { leave(); });
  return send_and_wait(message, sequence, timeout_ms);
}

bool CcidDevice::enter(std::uint8_t slot, std::uint8_t& sequence) {
  MutexLock lock(mutex_);
  // Bounded: every exchange before this one is.
  while (!gone_ && busy_ >= busy_max_) changed_.wait(mutex_);
  if (gone_ || slot >= slots_.size()) return false;
  ++busy_;
  sequence = next_sequence_++;
  slots_[slot].inbox.clear();
  return true;
}

void CcidDevice::leave() {
  MutexLock lock(mutex_);
  --busy_;
  changed_.notify_all();
}

IfdResult<Answer> CcidDevice::send_and_wait(const CommandMessage& message, std::uint8_t sequence,
                                            int timeout_ms) {
  const IoStatus written = write(message, sequence);
  if (written != IoStatus::ok) {
    if (written != IoStatus::gone) log_line(PCSC_LOG_ERROR, "the reader does not take a command");
    return ifd_failure(code_of(written));
  }
  IfdResult<Answer> answer = await_answer(message, sequence, timeout_ms);
  if (!answer && answer.error() == IFD_RESPONSE_TIMEOUT) {
    log_line(PCSC_LOG_ERROR, "no answer to command " + hex(static_cast<unsigned>(message.command)) +
                                 " of slot " + std::to_string(message.slot) +
                                 " in time, cancelling it");
    cancel(message.slot);
  }
  return answer;
}

IoStatus CcidDevice::write(const CommandMessage& message, std::uint8_t sequence) {
  const Bytes raw = encode(message, sequence);
  if (log_traffic_) log_bytes("ccid -> ", raw);
  const IoStatus status = pipe_.write(raw, kWriteTimeoutMs);
  if (status == IoStatus::gone) set_gone();
  return status;
}

IfdResult<Answer> CcidDevice::await_answer(const CommandMessage& message, std::uint8_t sequence,
                                           int timeout_ms) {
  const TimePoint start = Clock::now();
  // Cancelling is not to be put off.
  const int last_ms =
      message.command == Command::abort ? timeout_ms : std::max(timeout_ms, kExtendedTimeMsMax);
  const TimePoint last_deadline = start + milliseconds(last_ms);
  TimePoint deadline = start + milliseconds(timeout_ms);
  unsigned stale = 0;
  while (true) {
    IfdResult<Answer> answer = receive(message.slot, deadline);
    if (!answer) return answer;
    if (answer->sequence != sequence || !fits(*answer, message.command)) {
      if (++stale > kStaleAnswersMax) {
        log_line(PCSC_LOG_ERROR, "the reader answers commands it was not given");
        return ifd_failure(IFD_COMMUNICATION_ERROR);
      }
      continue;
    }
    if (!answer->asks_for_time()) return answer;
    if (Clock::now() >= last_deadline) return ifd_failure(IFD_RESPONSE_TIMEOUT);
    // 6.2.6: bError is a multiplier of the waiting time; zero would be none at all.
    const int factor = std::max<int>(answer->error, 1);
    deadline = std::min(Clock::now() + factor * milliseconds(timeout_ms), last_deadline);
  }
}

IfdResult<Answer> CcidDevice::receive(std::uint8_t slot, TimePoint deadline) {
  while (true) {
    {
      MutexLock lock(mutex_);
      std::vector<Answer>& inbox = slots_[slot].inbox;
      while (!gone_ && inbox.empty() && reading_ && Clock::now() < deadline) {
        (void)changed_.wait_until(mutex_, deadline);
      }
      if (!inbox.empty()) {
        Answer answer = std::move(inbox.front());
        inbox.erase(inbox.begin());
        return answer;
      }
      if (gone_) return ifd_failure(IFD_NO_SUCH_DEVICE);
      if (Clock::now() >= deadline) return ifd_failure(IFD_RESPONSE_TIMEOUT);
      reading_ = true;
    }
    if (read_for_all(deadline) == IoStatus::error) return ifd_failure(IFD_COMMUNICATION_ERROR);
  }
}

IoStatus CcidDevice::read_for_all(TimePoint deadline) {
  IoResult result = pipe_.read(read_buffer_, ms_until(deadline));
  const ByteView raw = ByteView(read_buffer_).first(result.bytes);
  std::optional<Answer> answer;
  if (result.status == IoStatus::ok) {
    if (log_traffic_) log_bytes("ccid <- ", raw);
    answer = decode_answer(raw);
    // An empty one only ends a transfer.
    if (!answer && !raw.empty()) {
      log_line(PCSC_LOG_ERROR, "the reader sent a damaged answer");
      result.status = IoStatus::error;
    }
  }
  MutexLock lock(mutex_);
  reading_ = false;
  if (result.status == IoStatus::gone) gone_ = true;
  if (answer && answer->slot < slots_.size()) {
    std::vector<Answer>& inbox = slots_[answer->slot].inbox;
    if (inbox.size() < kInboxAnswersMax) inbox.push_back(std::move(*answer));
  }
  changed_.notify_all();
  return result.status;
}

// CCID Rev 1.1, 5.3.1: the control request, then the bulk message with the same number; the reader
// answers the latter after whatever it still had to say.
void CcidDevice::cancel(std::uint8_t slot) {
  const std::uint8_t sequence = take_sequence();
  if (pipe_.request_abort(slot, sequence, kAbortTimeoutMs) == IoStatus::gone) return set_gone();
  CommandMessage abort;
  abort.command = Command::abort;
  abort.slot = slot;
  if (write(abort, sequence) != IoStatus::ok) return;
  const IfdResult<Answer> answer = await_answer(abort, sequence, kAbortTimeoutMs);
  if (!answer) log_line(PCSC_LOG_ERROR, "the reader does not confirm that it stopped");
}

std::uint8_t CcidDevice::take_sequence() {
  MutexLock lock(mutex_);
  return next_sequence_++;
}

void CcidDevice::set_gone() {
  MutexLock lock(mutex_);
  gone_ = true;
  changed_.notify_all();
}

bool CcidDevice::gone() const {
  MutexLock lock(mutex_);
  return gone_;
}

}  // namespace cardea::ccid
