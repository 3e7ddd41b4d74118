#include "drivers/ccid/slot_change_monitor.hpp"

#include <algorithm>
#include <array>

#include "drivers/ccid/driver_log.hpp"

namespace cardea::ccid {
namespace {

constexpr std::uint8_t kNotifySlotChange = 0x50;
constexpr std::uint8_t kHardwareError = 0x51;
/// The largest packet; a message of 255 slots has 65 bytes.
constexpr std::size_t kInterruptBytesMax = 1024;
constexpr milliseconds kReadMax{600'000};

int ms_until(TimePoint deadline) {
  const milliseconds left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp(left, milliseconds(1), kReadMax).count());
}

/// Bit 1 of a slot's two: its state changed.
bool says_changed(ByteView bits, unsigned slot) {
  const std::size_t byte = slot / 4;
  return byte < bits.size() && (bits[byte] >> (2 * (slot % 4)) & 2U) != 0;
}

}  // namespace

RESPONSECODE SlotChangeMonitor::wait(unsigned slot, milliseconds timeout) {
  const TimePoint deadline = Clock::now() + timeout;
  while (true) {
    {
      MutexLock lock(mutex_);
      while (!gone_ && !due_[slot] && reading_ && Clock::now() < deadline) {
        (void)changed_.wait_until(mutex_, deadline);
      }
      if (gone_) return IFD_NO_SUCH_DEVICE;
      if (due_[slot] || Clock::now() >= deadline) {
        due_[slot] = false;
        return IFD_SUCCESS;
      }
      reading_ = true;
      reader_slot_ = slot;
    }
    std::array<std::uint8_t, kInterruptBytesMax> message{};
    const IoResult result = pipe_.read_interrupt(message, ms_until(deadline));
    settle(result, ByteView(message).first(result.bytes));
    if (result.status == IoStatus::error) return IFD_COMMUNICATION_ERROR;
  }
}

void SlotChangeMonitor::settle(const IoResult& result, ByteView message) {
  MutexLock lock(mutex_);
  reading_ = false;
  if (result.status == IoStatus::gone) gone_ = true;
  // What arrived before a cancelled or late transfer ended counts.
  if (!message.empty()) take_message(message);
  changed_.notify_all();
}

void SlotChangeMonitor::take_message(ByteView message) {
  if (message[0] == kHardwareError) {
    log_line(PCSC_LOG_ERROR, "the reader reports a hardware error");
    return;
  }
  if (message[0] != kNotifySlotChange) return;
  const ByteView bits = message.subspan(1);
  bool any = false;
  for (unsigned slot = 0; slot < due_.size(); ++slot) {
    if (!says_changed(bits, slot)) continue;
    due_[slot] = true;
    any = true;
  }
  // A needless look costs little, a missed card would stay unseen for minutes.
  if (!any) due_.assign(due_.size(), true);
}

void SlotChangeMonitor::wake(unsigned slot) {
  {
    MutexLock lock(mutex_);
    due_[slot] = true;
    changed_.notify_all();
    if (!reading_ || reader_slot_ != slot) return;
  }
  // Should another slot's thread read by now, it only starts its read again.
  pipe_.cancel_interrupt();
}

void SlotChangeMonitor::set_gone() {
  {
    MutexLock lock(mutex_);
    gone_ = true;
    changed_.notify_all();
    if (!reading_) return;
  }
  pipe_.cancel_interrupt();
}

}  // namespace cardea::ccid
