#include "tests/unit/drivers/ccid/fake_reader.hpp"

#include <algorithm>
#include <utility>

namespace cardea::ccid {
namespace {

constexpr std::uint8_t kDataBlock = 0x80;
constexpr std::uint8_t kSlotStatus = 0x81;
constexpr std::uint8_t kParameters = 0x82;
constexpr std::uint8_t kEscape = 0x83;

void put(Bytes& raw, std::size_t offset, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) raw[offset + i] = low_byte(value >> (8U * i));
}

std::uint32_t level_bits(ExchangeLevel level) {
  switch (level) {
    case ExchangeLevel::tpdu:
      return 0x10000;
    case ExchangeLevel::short_apdu:
      return 0x20000;
    case ExchangeLevel::extended_apdu:
      return 0x40000;
    case ExchangeLevel::character:
      break;
  }
  return 0;
}

}  // namespace

Bytes class_descriptor(const DescriptorFields& fields) {
  Bytes raw(54);
  raw[0] = 54;
  raw[1] = 0x21;
  raw[2] = 0x10;
  raw[3] = 0x01;
  raw[4] = low_byte(fields.slots - 1U);
  raw[5] = fields.voltages;
  put(raw, 6, 3);
  put(raw, 10, 4000);
  put(raw, 14, 8000);
  put(raw, 19, 10'752);
  put(raw, 23, fields.max_rate_bps);
  put(raw, 28, fields.max_ifsd);
  put(raw, 40, fields.features | level_bits(fields.level));
  put(raw, 44, fields.max_message_bytes);
  raw[50] = 0x10;  // one line of 16 characters
  raw[51] = 0x01;
  raw[52] = fields.pin_support;
  raw[53] = fields.busy_slots;
  return raw;
}

UsbInterface usb_interface(const DescriptorFields& fields) {
  UsbInterface interface;
  interface.vendor_id = 0x1234;
  interface.product_id = 0x5678;
  interface.device_bcd = 0x0203;
  interface.manufacturer = "Maker";
  interface.serial = "S1";
  interface.descriptor = *parse_class_descriptor(class_descriptor(fields));
  return interface;
}

FakeReader::FakeReader(const DescriptorFields& fields) : fields_(fields), slots_(fields.slots) {}

void FakeReader::insert(unsigned slot, Bytes atr, FakeCard card) {
  MutexLock lock(mutex_);
  slots_[slot].atr = std::move(atr);
  slots_[slot].card = std::move(card);
  move_card(slot, true);
}

void FakeReader::remove(unsigned slot) {
  MutexLock lock(mutex_);
  move_card(slot, false);
}

void FakeReader::swap(unsigned slot) {
  MutexLock lock(mutex_);
  move_card(slot, true);
}

void FakeReader::move_card(unsigned slot, bool present) {
  slots_[slot].present = present;
  slots_[slot].powered = false;
  Bytes message{0x50};
  for (unsigned i = 0; i < slots_.size(); ++i) {
    if (i % 4 == 0) message.push_back(0);
    const unsigned bits = (slots_[i].present ? 1U : 0U) | (i == slot ? 2U : 0U);
    message.back() = low_byte(message.back() | bits << (2 * (i % 4)));
  }
  interrupt_in_.push_back(message);
  changed_.notify_all();
}

void FakeReader::unplug() {
  MutexLock lock(mutex_);
  gone_ = true;
  changed_.notify_all();
}

void FakeReader::notify(Bytes message) {
  MutexLock lock(mutex_);
  interrupt_in_.push_back(std::move(message));
  changed_.notify_all();
}

void FakeReader::set_trouble(const Trouble& trouble) {
  MutexLock lock(mutex_);
  trouble_ = trouble;
}

void FakeReader::hold(unsigned slot) {
  MutexLock lock(mutex_);
  slots_[slot].held = true;
}

void FakeReader::release(unsigned slot) {
  MutexLock lock(mutex_);
  slots_[slot].held = false;
  for (Bytes& message : std::exchange(slots_[slot].kept_back, {})) {
    bulk_in_.push_back(std::move(message));
  }
  changed_.notify_all();
}

void FakeReader::set_pinpad(FakeCard pinpad) {
  MutexLock lock(mutex_);
  pinpad_ = std::move(pinpad);
}

std::vector<FakeReader::Seen> FakeReader::seen() const {
  MutexLock lock(mutex_);
  return seen_;
}

std::vector<FakeReader::Seen> FakeReader::seen(Command command) const {
  std::vector<Seen> all = seen();
  std::erase_if(
      all, [command](const Seen& one) { return one.type != static_cast<std::uint8_t>(command); });
  return all;
}

unsigned FakeReader::aborts() const {
  MutexLock lock(mutex_);
  return aborts_;
}

void FakeReader::wait_until_reading_interrupt() {
  MutexLock lock(mutex_);
  while (!reading_interrupt_) changed_.wait(mutex_);
}

void FakeReader::wait_until_seen(std::size_t messages) {
  MutexLock lock(mutex_);
  while (seen_.size() < messages) changed_.wait(mutex_);
}

IoStatus FakeReader::write(ByteView message, int /*timeout_ms*/) {
  MutexLock lock(mutex_);
  if (gone_) return IoStatus::gone;
  Seen command{message[0], message[5], message[6], {message[7], message[8], message[9]}, {}};
  const ByteView data = message.subspan(kHeaderBytes);
  command.data.assign(data.begin(), data.end());
  seen_.push_back(command);
  changed_.notify_all();
  serve(command);
  return IoStatus::ok;
}

void FakeReader::serve(const Seen& command) {
  if (command.type == static_cast<std::uint8_t>(Command::abort)) {
    const bool requested = abort_requested_ == std::pair(command.slot, command.sequence);
    if (!requested || trouble_.ignores_abort) return;
    ++aborts_;
    abort_requested_.reset();
    return answer(command, {kSlotStatus, {}, 0, std::nullopt});
  }
  if (trouble_.silent_commands > 0) {
    --trouble_.silent_commands;
    return;
  }
  for (unsigned i = 0; i < trouble_.stale_answers; ++i) {
    Seen earlier = command;
    earlier.sequence = low_byte(command.sequence + 100U + i);
    answer(earlier, {kSlotStatus, {}, 0, std::nullopt});
  }
  while (trouble_.time_extensions > 0) {
    --trouble_.time_extensions;
    bulk_in_.push_back(message(command, {kDataBlock, {}, 0, std::uint8_t{3}}, 0x80));
  }
  if (std::exchange(trouble_.damaged_answer, false)) {
    bulk_in_.push_back(Bytes{kDataBlock, 0, 0});
    return changed_.notify_all();
  }
  answer(command, reply_to(command));
}

FakeReader::Reply FakeReader::reply_to(const Seen& command) {
  if (command.slot >= slots_.size()) return {kSlotStatus, {}, 0, std::uint8_t{5}};
  SlotModel& slot = slots_[command.slot];
  switch (static_cast<Command>(command.type)) {
    case Command::power_on:
      return power_on(slot);
    case Command::power_off:
      slot.powered = false;
      return {kSlotStatus, {}, 0, std::nullopt};
    case Command::get_slot_status:
      return {kSlotStatus, {}, 0, std::nullopt};
    case Command::set_parameters:
      return {kParameters, command.data, command.parameters[0],
              std::exchange(trouble_.parameters_error, std::nullopt)};
    case Command::escape:
      return {kEscape, command.data, 0, std::exchange(trouble_.error, std::nullopt)};
    case Command::secure:
    case Command::transfer_block:
      return transfer(slot, command);
    case Command::abort:
      break;
  }
  return {kSlotStatus, {}, 0, std::uint8_t{0}};
}

FakeReader::Reply FakeReader::power_on(SlotModel& slot) {
  if (!slot.present) return {kDataBlock, {}, 0, kErrorMute};
  if (trouble_.failing_voltages > 0) {
    --trouble_.failing_voltages;
    return {kDataBlock, {}, 0, kErrorMute};
  }
  slot.powered = true;
  return {kDataBlock, slot.atr, 0, std::nullopt};
}

FakeReader::Reply FakeReader::transfer(SlotModel& slot, const Seen& command) {
  if (trouble_.error) return {kDataBlock, {}, 0, std::exchange(trouble_.error, std::nullopt)};
  if (!slot.present || !slot.powered) return {kDataBlock, {}, 0, kErrorMute};
  const bool is_pin = command.type == static_cast<std::uint8_t>(Command::secure);
  if (!is_pin && fields_.level == ExchangeLevel::extended_apdu) {
    return transfer_extended(slot, command);
  }
  const std::optional<Bytes> response = (is_pin ? pinpad_ : slot.card)(command.data);
  if (!response) return {kDataBlock, {}, 0, kErrorMute};
  return {kDataBlock, *response, 0, std::nullopt};
}

FakeReader::Reply FakeReader::transfer_extended(SlotModel& slot, const Seen& command) {
  const unsigned level = command.parameters[1];
  if (level == 0x10) return next_piece(slot);
  if (level == 0 || level == 1) slot.chain_in.clear();
  append(slot.chain_in, command.data);
  if (level == 1 || level == 3) return {kDataBlock, {}, 0x10, std::nullopt};
  const std::optional<Bytes> response = slot.card(slot.chain_in);
  if (!response) return {kDataBlock, {}, 0, kErrorMute};
  slot.chain_out = *response;
  slot.chain_started = false;
  return next_piece(slot);
}

FakeReader::Reply FakeReader::next_piece(SlotModel& slot) {
  const std::size_t room = fields_.max_message_bytes - kHeaderBytes;
  const std::size_t size = std::min(room, slot.chain_out.size());
  const auto end = slot.chain_out.begin() + static_cast<std::ptrdiff_t>(size);
  Bytes piece(slot.chain_out.begin(), end);
  slot.chain_out.erase(slot.chain_out.begin(), end);
  const bool first = !std::exchange(slot.chain_started, true);
  const bool last = slot.chain_out.empty();
  const std::uint8_t chain = last ? (first ? 0 : 2) : (first ? 1 : 3);
  return {kDataBlock, std::move(piece), chain, std::nullopt};
}

Bytes FakeReader::message(const Seen& command, const Reply& reply, std::uint8_t status) const {
  Bytes raw{reply.type};
  append_little_endian(raw, static_cast<std::uint32_t>(reply.data.size()), 4);
  raw.push_back(command.slot);
  raw.push_back(command.sequence);
  unsigned icc = 2;
  if (command.slot < slots_.size() && slots_[command.slot].present) {
    icc = slots_[command.slot].powered ? 0 : 1;
  }
  raw.push_back(low_byte(status | icc));
  raw.push_back(reply.error.value_or(0x81));
  raw.push_back(reply.last);
  append(raw, reply.data);
  return raw;
}

void FakeReader::answer(const Seen& command, const Reply& reply) {
  Bytes raw = message(command, reply, reply.error ? 0x40 : 0x00);
  if (trouble_.chain && reply.type == kDataBlock) {
    raw[9] = *std::exchange(trouble_.chain, std::nullopt);
  }
  const bool held = command.slot < slots_.size() && slots_[command.slot].held;
  if (held) {
    slots_[command.slot].kept_back.push_back(std::move(raw));
  } else {
    bulk_in_.push_back(std::move(raw));
  }
  changed_.notify_all();
}

IoResult FakeReader::read(std::span<std::uint8_t> room, int timeout_ms) {
  const TimePoint deadline = Clock::now() + milliseconds(timeout_ms);
  MutexLock lock(mutex_);
  if (std::exchange(trouble_.fails_reads, false)) return {IoStatus::error, 0};
  while (bulk_in_.empty() && !gone_ && Clock::now() < deadline) {
    (void)changed_.wait_until(mutex_, deadline);
  }
  if (gone_) return {IoStatus::gone, 0};
  if (bulk_in_.empty()) return {IoStatus::timeout, 0};
  const Bytes message = std::move(bulk_in_.front());
  bulk_in_.pop_front();
  std::ranges::copy(message, room.begin());
  return {IoStatus::ok, message.size()};
}

IoResult FakeReader::read_interrupt(std::span<std::uint8_t> room, int timeout_ms) {
  const TimePoint deadline = Clock::now() + milliseconds(timeout_ms);
  MutexLock lock(mutex_);
  reading_interrupt_ = true;
  changed_.notify_all();
  while (interrupt_in_.empty() && !gone_ && !interrupt_cancelled_ && Clock::now() < deadline) {
    (void)changed_.wait_until(mutex_, deadline);
  }
  reading_interrupt_ = false;
  if (gone_) return {IoStatus::gone, 0};
  if (std::exchange(interrupt_cancelled_, false)) return {IoStatus::cancelled, 0};
  if (interrupt_in_.empty()) return {IoStatus::timeout, 0};
  const Bytes message = std::move(interrupt_in_.front());
  interrupt_in_.pop_front();
  if (message.empty()) return {IoStatus::error, 0};
  std::ranges::copy(message, room.begin());
  return {IoStatus::ok, message.size()};
}

void FakeReader::cancel_interrupt() noexcept {
  MutexLock lock(mutex_);
  interrupt_cancelled_ = true;
  changed_.notify_all();
}

IoStatus FakeReader::request_abort(std::uint8_t slot, std::uint8_t sequence, int /*timeout_ms*/) {
  MutexLock lock(mutex_);
  if (gone_) return IoStatus::gone;
  abort_requested_ = std::pair(slot, sequence);
  return IoStatus::ok;
}

}  // namespace cardea::ccid
