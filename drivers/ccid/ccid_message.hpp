// The messages on the bulk pipes: CCID Rev 1.1, 6.1 (commands) and 6.2 (answers). Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "drivers/ccid/bytes.hpp"

namespace cardea::ccid {

constexpr std::size_t kHeaderBytes = 10;

enum class Command : std::uint8_t {
  set_parameters = 0x61,
  power_on = 0x62,
  power_off = 0x63,
  get_slot_status = 0x65,
  secure = 0x69,
  escape = 0x6B,
  transfer_block = 0x6F,
  abort = 0x72,
};

/// One command, without its sequence number. `data` is borrowed.
struct CommandMessage {
  Command command = Command::get_slot_status;
  std::uint8_t slot = 0;
  std::array<std::uint8_t, 3> parameters{};  ///< bytes 7 to 9 of the header
  ByteView data;
};

Bytes encode(const CommandMessage& message, std::uint8_t sequence);

enum class IccStatus : std::uint8_t { active = 0, inactive = 1, absent = 2, unknown = 3 };

/// Values of bError that this driver tells apart (6.2.6, table 6.2-2).
constexpr std::uint8_t kErrorNotSupported = 0x00;
constexpr std::uint8_t kErrorPinCancelled = 0xEF;
constexpr std::uint8_t kErrorPinTimeout = 0xF0;
constexpr std::uint8_t kErrorParity = 0xFD;
constexpr std::uint8_t kErrorMute = 0xFE;

struct Answer {
  std::uint8_t type = 0;
  std::uint8_t slot = 0;
  std::uint8_t sequence = 0;
  std::uint8_t status = 0;
  std::uint8_t error = 0;
  std::uint8_t chain = 0;  ///< bChainParameter of a data block
  Bytes data;

  [[nodiscard]] IccStatus icc() const { return static_cast<IccStatus>(status & 3U); }
  [[nodiscard]] bool failed() const { return (status & 0xC0U) == 0x40U; }
  [[nodiscard]] bool asks_for_time() const { return (status & 0xC0U) == 0x80U; }
};

/// Nothing if the message is shorter than it says. What follows its data is padding.
std::optional<Answer> decode_answer(ByteView raw);

/// Whether an answer of this type belongs to the command: a reader that does not know a command
/// answers its slot status.
bool fits(const Answer& answer, Command command);

}  // namespace cardea::ccid
