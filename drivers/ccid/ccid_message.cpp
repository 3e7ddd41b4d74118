#include "drivers/ccid/ccid_message.hpp"

namespace cardea::ccid {
namespace {

constexpr std::uint8_t kDataBlock = 0x80;
constexpr std::uint8_t kSlotStatus = 0x81;
constexpr std::uint8_t kParameters = 0x82;
constexpr std::uint8_t kEscape = 0x83;

std::uint8_t answer_type(Command command) {
  switch (command) {
    case Command::set_parameters:
      return kParameters;
    case Command::escape:
      return kEscape;
    case Command::power_on:
    case Command::secure:
    case Command::transfer_block:
      return kDataBlock;
    case Command::power_off:
    case Command::get_slot_status:
    case Command::abort:
      break;
  }
  return kSlotStatus;
}

}  // namespace

Bytes encode(const CommandMessage& message, std::uint8_t sequence) {
  Bytes raw;
  raw.reserve(kHeaderBytes + message.data.size());
  raw.push_back(static_cast<std::uint8_t>(message.command));
  append_little_endian(raw, static_cast<std::uint32_t>(message.data.size()), 4);
  raw.push_back(message.slot);
  raw.push_back(sequence);
  append(raw, message.parameters);
  append(raw, message.data);
  return raw;
}

std::optional<Answer> decode_answer(ByteView raw) {
  if (raw.size() < kHeaderBytes) return std::nullopt;
  const std::size_t length = little_endian(raw, 1, 4);
  if (length > raw.size() - kHeaderBytes) return std::nullopt;
  Answer answer;
  answer.type = raw[0];
  answer.slot = raw[5];
  answer.sequence = raw[6];
  answer.status = raw[7];
  answer.error = raw[8];
  answer.chain = raw[9];
  const ByteView data = raw.subspan(kHeaderBytes, length);
  answer.data.assign(data.begin(), data.end());
  return answer;
}

bool fits(const Answer& answer, Command command) {
  return answer.type == answer_type(command) || answer.failed();
}

}  // namespace cardea::ccid
