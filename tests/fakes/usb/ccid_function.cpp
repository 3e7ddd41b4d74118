#include "tests/fakes/usb/ccid_function.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace cardea::usb_fake {
namespace {

constexpr std::size_t kHeaderBytes = 10;

enum Command : unsigned {
  kSetParameters = 0x61,
  kPowerOn = 0x62,
  kPowerOff = 0x63,
  kGetSlotStatus = 0x65,
  kSecure = 0x69,
  kEscape = 0x6B,
  kGetParameters = 0x6C,
  kResetParameters = 0x6D,
  kClock = 0x6E,
  kXfrBlock = 0x6F,
  kMechanical = 0x71,
  kAbort = 0x72,
};
enum Reply : unsigned {
  kNotifySlotChange = 0x50,
  kDataBlock = 0x80,
  kSlotStatus = 0x81,
  kParameters = 0x82,
  kEscapeReply = 0x83,
};

constexpr unsigned kCardActive = 0;
constexpr unsigned kCardInactive = 1;
constexpr unsigned kCardAbsent = 2;
constexpr unsigned kStatusFailed = 0x40;
constexpr unsigned kErrorMute = 0xFE;
constexpr unsigned kErrorNoSuchSlot = 5;
constexpr unsigned kErrorNotSupported = 0;

constexpr unsigned kLevelBegin = 1;
constexpr unsigned kLevelEnd = 2;
constexpr unsigned kLevelMiddle = 3;
constexpr unsigned kLevelContinue = 0x10;

constexpr std::array<std::uint8_t, 5> kParametersT0 = {0x11, 0x00, 0x00, 0x0A, 0x00};

std::uint32_t little_endian_32(ByteView bytes) {
  return bytes[0] | static_cast<std::uint32_t>(bytes[1]) << 8U |
         static_cast<std::uint32_t>(bytes[2]) << 16U | static_cast<std::uint32_t>(bytes[3]) << 24U;
}

}  // namespace

CcidFunction::CcidFunction(const DeviceSpec& spec)
    : level_(spec.level),
      message_bytes_(spec.message_bytes_of_level()),
      has_pinpad_(spec.pinpad),
      slots_(spec.slots),
      answer_delay_(spec.answer_delay),
      failing_answers_(spec.failing_answers) {
  if (spec.card == CardKind::none) return;
  for (unsigned slot = 0; slot < slots_.size(); ++slot) (void)insert(slot, spec.card, spec.atr);
}

// The host

void CcidFunction::receive(ByteView message, TimePoint now) {
  if (message.size() < kHeaderBytes) return;
  ++commands_;
  const Header header{message[0], message[5], message[6], message[7],
                      message[8] | static_cast<unsigned>(message[9]) << 8U};
  if (failing_answers_ > 0) {
    --failing_answers_;
    answers_.push_back({{{}, true}, header.slot, header.sequence, false, now});
    return;
  }
  if (header.slot >= slots_.size()) return fail(kSlotStatus, header, now, kErrorNoSuchSlot);
  const std::size_t length = little_endian_32(message.subspan(1));
  const ByteView data = message.subspan(kHeaderBytes);
  dispatch(header, data.first(std::min(length, data.size())), now);
}

void CcidFunction::dispatch(const Header& header, ByteView data, TimePoint now) {
  switch (header.type) {
    case kPowerOn:
      return power_on(header, now);
    case kPowerOff:
      slots_[header.slot].powered = false;
      return answer(kSlotStatus, header, now);
    case kGetSlotStatus:
    case kClock:
    case kMechanical:
    case kAbort:
      return answer(kSlotStatus, header, now);
    case kGetParameters:
    case kResetParameters:
    case kSetParameters:
      return set_parameters(header, data, now);
    case kEscape:
      return answer(kEscapeReply, header, now, data);
    case kSecure:
      return verify_pin(header, now);
    case kXfrBlock:
      return exchange(header, data, now);
    default:
      return fail(kSlotStatus, header, now, kErrorNotSupported);
  }
}

void CcidFunction::power_on(const Header& header, TimePoint now) {
  Slot& slot = slots_[header.slot];
  slot.command.clear();
  slot.response.clear();
  const std::optional<Bytes> atr = slot.card ? slot.card->power_up() : std::nullopt;
  slot.powered = atr.has_value();
  if (!atr) return fail(kDataBlock, header, now, kErrorMute);
  answer(kDataBlock, header, now, *atr);
}

void CcidFunction::set_parameters(const Header& header, ByteView data, TimePoint now) {
  Slot& slot = slots_[header.slot];
  if (!slot.card) return fail(kParameters, header, now, kErrorMute);
  if (header.type != kSetParameters) return answer(kParameters, header, now, kParametersT0);
  slot.card->select_protocol(header.protocol);
  answer(kParameters, header, now, data, header.protocol);
}

void CcidFunction::verify_pin(const Header& header, TimePoint now) {
  constexpr std::array<std::uint8_t, 2> kPinIsRight = {0x90, 0x00};
  if (!has_pinpad_) return fail(kDataBlock, header, now, kErrorNotSupported);
  answer(kDataBlock, header, now, kPinIsRight);
}

void CcidFunction::exchange(const Header& header, ByteView data, TimePoint now) {
  Slot& slot = slots_[header.slot];
  if (!slot.card || !slot.powered) return fail(kDataBlock, header, now, kErrorMute);
  const unsigned level = level_ == ExchangeLevel::extended_apdu ? header.level : 0;
  if (level == kLevelContinue) return answer_exchange(header, now);
  if (level == kLevelBegin) slot.command.clear();
  slot.command.insert(slot.command.end(), data.begin(), data.end());
  if (level == kLevelBegin || level == kLevelMiddle) {
    return answer(kDataBlock, header, now, {}, kLevelContinue);
  }
  const Bytes command = std::exchange(slot.command, {});
  std::optional<Bytes> response = slot.card->exchange(command);
  if (!response) return fail(kDataBlock, header, now, kErrorMute);
  slot.response = std::move(*response);
  answer_exchange(header, now + answer_delay_ + slot.card->work());
}

void CcidFunction::answer_exchange(const Header& header, TimePoint ready) {
  Slot& slot = slots_[header.slot];
  const bool is_whole = header.level != kLevelContinue;
  const std::size_t room = message_bytes_ - kHeaderBytes;
  const std::size_t count = std::min(room, slot.response.size());
  const bool more = count < slot.response.size();
  const unsigned chain = is_whole ? (more ? kLevelBegin : 0) : (more ? kLevelMiddle : kLevelEnd);
  Bytes message = make_message(kDataBlock, header, card_status(header.slot), 0, chain,
                               ByteView(slot.response).first(count));
  slot.response.erase(slot.response.begin(),
                      slot.response.begin() + static_cast<Bytes::difference_type>(count));
  push(std::move(message), header, hangs_ ? TimePoint::max() : ready, /*is_exchange=*/true);
}

std::optional<CcidFunction::Answer> CcidFunction::next_answer(TimePoint now) {
  const auto ready =
      std::ranges::find_if(answers_, [now](const Queued& queued) { return queued.ready <= now; });
  if (ready == answers_.end()) return std::nullopt;
  Answer answer = std::move(ready->answer);
  answers_.erase(ready);
  return answer;
}

std::optional<Bytes> CcidFunction::next_notification() {
  if (!std::exchange(notify_, false)) return std::nullopt;
  constexpr std::size_t kSlotsPerByte = 4;
  Bytes message(1 + (slots_.size() + kSlotsPerByte - 1) / kSlotsPerByte);
  message[0] = kNotifySlotChange;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const unsigned bits = (slots_[i].card ? 1U : 0U) | (slots_[i].changed ? 2U : 0U);
    slots_[i].changed = false;
    std::uint8_t& byte = message[1 + i / kSlotsPerByte];
    byte = static_cast<std::uint8_t>(byte | bits << 2 * (i % kSlotsPerByte));
  }
  return message;
}

// Messages

void CcidFunction::answer(unsigned type, const Header& header, TimePoint ready, ByteView data,
                          unsigned last) {
  push(make_message(type, header, card_status(header.slot), 0, last, data), header, ready, false);
}

void CcidFunction::fail(unsigned type, const Header& header, TimePoint ready, unsigned error) {
  push(make_message(type, header, kStatusFailed | card_status(header.slot), error, 0, {}), header,
       ready, false);
}

Bytes CcidFunction::make_message(unsigned type, const Header& header, unsigned status,
                                 unsigned error, unsigned last, ByteView data) const {
  Bytes message = {static_cast<std::uint8_t>(type)};
  append_u32(message, static_cast<std::uint32_t>(data.size()));
  message.insert(message.end(),
                 {header.slot, header.sequence, static_cast<std::uint8_t>(status),
                  static_cast<std::uint8_t>(error), static_cast<std::uint8_t>(last)});
  message.insert(message.end(), data.begin(), data.end());
  return message;
}

void CcidFunction::push(Bytes message, const Header& header, TimePoint ready, bool is_exchange) {
  if (answers_.size() == kAnswersMax) answers_.pop_front();
  answers_.push_back(
      {{std::move(message), false}, header.slot, header.sequence, is_exchange, ready});
}

unsigned CcidFunction::card_status(unsigned slot) const {
  if (slot >= slots_.size() || !slots_[slot].card) return kCardAbsent;
  return slots_[slot].powered ? kCardActive : kCardInactive;
}

// The user

bool CcidFunction::insert(unsigned slot, CardKind kind, virtual_reader::AtrKind atr) {
  if (slot >= slots_.size() || slots_[slot].card || kind == CardKind::none) return false;
  slots_[slot] = {std::make_unique<CardLine>(kind, atr, level_), false, true, {}, {}};
  notify_ = true;
  return true;
}

bool CcidFunction::remove(unsigned slot, TimePoint now) {
  if (slot >= slots_.size() || !slots_[slot].card) return false;
  slots_[slot] = {nullptr, false, true, {}, {}};
  notify_ = true;
  for (Queued& queued : answers_) {
    if (queued.slot != slot || !queued.is_exchange) continue;
    const Header header{kXfrBlock, queued.slot, queued.sequence, 0, 0};
    queued.answer.bytes =
        make_message(kDataBlock, header, kStatusFailed | kCardAbsent, kErrorMute, 0, {});
    queued.ready = now;
  }
  return true;
}

void CcidFunction::reset() {
  answers_.clear();
  lose_card_power();
  notify_ = true;
}

void CcidFunction::lose_card_power() {
  for (Slot& slot : slots_) slot.powered = false;
}

void CcidFunction::hang(bool on, TimePoint now) {
  hangs_ = on;
  if (on) return;
  for (Queued& queued : answers_) queued.ready = std::min(queued.ready, now);
}

unsigned CcidFunction::held() const {
  return static_cast<unsigned>(std::ranges::count_if(
      answers_, [](const Queued& queued) { return queued.ready == TimePoint::max(); }));
}

unsigned CcidFunction::powered() const {
  return static_cast<unsigned>(std::ranges::count_if(slots_, &Slot::powered));
}

}  // namespace cardea::usb_fake
