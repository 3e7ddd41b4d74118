#include "drivers/virtual/slot.hpp"

#include <utility>

#include "drivers/virtual/atr.hpp"

namespace cardea::virtual_reader {

bool Slot::insert(std::shared_ptr<VirtualCard> card) {
  MutexLock lock(mutex_);
  if (card_) return false;
  card_ = std::move(card);
  note_change();
  return true;
}

bool Slot::remove(bool unseen) {
  std::shared_ptr<VirtualCard> card;
  {
    MutexLock lock(mutex_);
    card = card_;
  }
  return card != nullptr && remove(*card, unseen);
}

bool Slot::remove(const VirtualCard& card, bool unseen) {
  std::shared_ptr<VirtualCard> removed;
  {
    MutexLock lock(mutex_);
    if (card_.get() != &card) return false;
    removed = std::exchange(card_, nullptr);
    forget_power();
    if (told_present_) owes_absent_ = true;
    if (!unseen) note_change();
  }
  removed->remove();
  return true;
}

void Slot::open() {
  MutexLock lock(mutex_);
  open_ = true;
  stop_requested_ = false;
  // Every opening starts with a clean view: the first wait reports only what comes from now on.
  changes_told_ = changes_;
  told_present_ = false;
  owes_absent_ = false;
}

void Slot::close() {
  MutexLock lock(mutex_);
  open_ = false;
  forget_power();
  changed_.notify_all();
}

bool Slot::is_open() const {
  MutexLock lock(mutex_);
  return open_;
}

SlotStatus Slot::status() const {
  MutexLock lock(mutex_);
  if (!card_) return {};
  return {card_->kind(), !atr_.empty(), atr_, protocol_};
}

RESPONSECODE Slot::presence() {
  MutexLock lock(mutex_);
  if (owes_absent_) {
    owes_absent_ = false;
    told_present_ = false;
    // Whoever waits next must look again at once, for the new card.
    if (card_) note_change();
    return IFD_ICC_NOT_PRESENT;
  }
  told_present_ = card_ != nullptr;
  return told_present_ ? IFD_ICC_PRESENT : IFD_ICC_NOT_PRESENT;
}

RESPONSECODE Slot::power(DWORD action, Bytes& atr) {
  atr.clear();
  MutexLock exchange(exchange_mutex_);
  switch (action) {
    case IFD_POWER_UP:
    case IFD_RESET:
      return power_on(action, atr);
    case IFD_POWER_DOWN:
      power_off();
      return IFD_SUCCESS;
    default:
      return IFD_NOT_SUPPORTED;
  }
}

RESPONSECODE Slot::power_on(DWORD action, Bytes& atr) {
  std::shared_ptr<VirtualCard> card;
  {
    MutexLock lock(mutex_);
    if (!card_) return IFD_ICC_NOT_PRESENT;
    card = card_;
    forget_power();
  }
  RESPONSECODE rv = action == IFD_RESET ? card->reset() : card->power_up();
  if (rv == IFD_ICC_NOT_PRESENT) (void)remove(*card);  // false: somebody else was faster
  Bytes answer = rv == IFD_SUCCESS ? card->atr() : Bytes();
  if (rv == IFD_SUCCESS && (answer.size() < kAtrBytesMin || answer.size() > kAtrBytesMax)) {
    rv = IFD_ERROR_POWER_ACTION;
  }
  MutexLock lock(mutex_);
  if (card_ != card) return IFD_ICC_NOT_PRESENT;
  if (rv != IFD_SUCCESS) return rv;
  atr = answer;
  atr_ = std::move(answer);
  return IFD_SUCCESS;
}

void Slot::power_off() {
  std::shared_ptr<VirtualCard> card;
  {
    MutexLock lock(mutex_);
    if (card_ && !atr_.empty()) card = card_;
    forget_power();
  }
  if (card) card->power_down();
}

RESPONSECODE Slot::set_protocol(DWORD protocol) {
  MutexLock lock(mutex_);
  const RESPONSECODE rv = check_usable();
  if (rv != IFD_SUCCESS) return rv;
  if (protocol != 1 && protocol != 2) return IFD_PROTOCOL_NOT_SUPPORTED;
  if ((offered_protocols(atr_) & protocol) == 0) return IFD_PROTOCOL_NOT_SUPPORTED;
  protocol_ = static_cast<std::uint32_t>(protocol);
  return IFD_SUCCESS;
}

RESPONSECODE Slot::transmit(ByteView command, Bytes& response) {
  response.clear();
  MutexLock exchange(exchange_mutex_);
  std::shared_ptr<VirtualCard> card;
  {
    MutexLock lock(mutex_);
    const RESPONSECODE rv = check_usable();
    if (rv != IFD_SUCCESS) return rv;
    card = card_;
  }
  const RESPONSECODE rv = card->transmit(command, response);
  if (rv == IFD_ICC_NOT_PRESENT) (void)remove(*card);  // false: somebody else was faster
  MutexLock lock(mutex_);
  if (card_ == card && rv == IFD_SUCCESS) return IFD_SUCCESS;
  response.clear();
  return card_ == card ? rv : IFD_ICC_NOT_PRESENT;
}

void Slot::wait_event(milliseconds timeout) {
  const TimePoint deadline = Clock::now() + timeout;
  MutexLock lock(mutex_);
  while (open_ && !stop_requested_ && changes_ == changes_told_ && Clock::now() < deadline) {
    (void)changed_.wait_until(mutex_, deadline);
  }
  stop_requested_ = false;
  changes_told_ = changes_;
}

void Slot::stop_waiting() {
  MutexLock lock(mutex_);
  stop_requested_ = true;
  changed_.notify_all();
}

RESPONSECODE Slot::check_usable() const {
  if (!card_ || owes_absent_) return IFD_ICC_NOT_PRESENT;
  return atr_.empty() ? IFD_COMMUNICATION_ERROR : IFD_SUCCESS;
}

void Slot::forget_power() {
  atr_.clear();
  protocol_ = 0;
}

void Slot::note_change() {
  ++changes_;
  changed_.notify_all();
}

}  // namespace cardea::virtual_reader
