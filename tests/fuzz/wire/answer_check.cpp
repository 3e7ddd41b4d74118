#include "tests/fuzz/wire/answer_check.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/scard_rv.hpp"
#include "protocol/codec.hpp"

namespace cardea::fuzz {
namespace {

using wire::Command;
using wire::decode;
using Bytes = std::span<const std::byte>;

constexpr std::uint32_t kErrorBase = 0x80100000;
constexpr std::uint32_t kErrorMax = 0x8010006A;

void check_rv(std::uint32_t rv) { CARDEA_ASSERT(rv == 0 || (rv > kErrorBase && rv <= kErrorMax)); }

/// The answer of most commands: the request's struct with a return code that is known.
template <typename Message>
Message checked(Bytes bytes, Bytes payload) {
  CARDEA_ASSERT(bytes.size() == sizeof(Message) && payload.empty());
  const auto message = decode<Message>(bytes);
  check_rv(message.rv);
  return message;
}

void check_transmit(const wire::Transmit& asked, Bytes bytes, Bytes payload) {
  CARDEA_ASSERT(bytes.size() == sizeof(wire::Transmit));
  const auto answer = decode<wire::Transmit>(bytes);
  check_rv(answer.rv);
  CARDEA_ASSERT(payload.size() == (answer.rv == 0 ? answer.recv_bytes : 0));
  CARDEA_ASSERT(payload.size() <= std::min<std::size_t>(asked.recv_bytes, wire::kPayloadBytesMax));
}

void check_control(const wire::Control& asked, Bytes bytes, Bytes payload) {
  CARDEA_ASSERT(bytes.size() == sizeof(wire::Control));
  const auto answer = decode<wire::Control>(bytes);
  check_rv(answer.rv);
  CARDEA_ASSERT(payload.size() == (answer.rv == 0 ? answer.bytes_returned : 0));
  CARDEA_ASSERT(payload.size() <=
                std::min<std::size_t>(asked.recv_bytes_max, wire::kPayloadBytesMax));
}

void check_attribute(const wire::Attribute& asked, Command command, Bytes bytes, Bytes payload) {
  const auto answer = checked<wire::Attribute>(bytes, payload);
  CARDEA_ASSERT(answer.card == asked.card && answer.id == asked.id);
  if (command == Command::get_attrib && answer.rv == 0) {
    CARDEA_ASSERT(answer.bytes <= asked.bytes && answer.bytes <= wire::kAttributeBytesMax);
  }
}

void check_connect(const wire::Connect& asked, Bytes bytes, Bytes payload) {
  const auto answer = checked<wire::Connect>(bytes, payload);
  CARDEA_ASSERT(answer.reader[wire::kReaderNameBytes - 1] == '\0');
  CARDEA_ASSERT((answer.card > 0) == (answer.rv == 0));
  CARDEA_ASSERT(answer.context == asked.context);
}

void check_states(Bytes bytes, std::size_t slots) {
  CARDEA_ASSERT(bytes.size() == slots * sizeof(wire::ReaderState));
  // Readers fill the array from the front; one free entry looks like the next.
  for (std::size_t slot = 0; slot < std::min<std::size_t>(slots, 2); ++slot) {
    const auto state = decode<wire::ReaderState>(bytes.subspan(slot * sizeof(wire::ReaderState)));
    CARDEA_ASSERT(state.name[wire::kReaderNameBytes - 1] == '\0');
    CARDEA_ASSERT(state.atr_bytes <= wire::kAtrBytesMax);
    CARDEA_ASSERT(std::all_of(std::begin(state.padding), std::end(state.padding),
                              [](std::uint8_t byte) { return byte == 0; }));
    CARDEA_ASSERT(state.sharing >= -1);
  }
}

}  // namespace

std::size_t AnswerCheck::answers_of(const wire::Dialect& dialect, Command command) {
  if (command == Command::stop_waiting_reader_state_change) return 0;
  if (command == Command::wait_reader_state_change) return dialect.wait_sends_states ? 1 : 0;
  return 1;
}

void AnswerCheck::asked(const wire::Dialect&, const wire::Frame& frame) {
  if (frame.command == Command::wait_reader_state_change) ++waits_;
}

void AnswerCheck::completed(Bytes bytes) {
  CARDEA_ASSERT(waits_ > 0);
  --waits_;
  CARDEA_ASSERT(bytes.size() == sizeof(wire::Completion));
  check_rv(decode<wire::Completion>(bytes).rv);
}

void AnswerCheck::answered(const wire::Dialect& dialect, const wire::Frame& frame, Bytes bytes,
                           Bytes payload) {
  switch (frame.command) {
    case Command::establish_context: {
      const auto answer = checked<wire::Establish>(bytes, payload);
      CARDEA_ASSERT((answer.context != 0) == (answer.rv == 0));
      return;
    }
    case Command::release_context:
      return void(checked<wire::Release>(bytes, payload));
    case Command::connect:
      return check_connect(decode<wire::Connect>(frame.body), bytes, payload);
    case Command::reconnect:
      return void(checked<wire::Reconnect>(bytes, payload));
    case Command::disconnect:
      return void(checked<wire::Disconnect>(bytes, payload));
    case Command::begin_transaction:
      return void(checked<wire::Begin>(bytes, payload));
    case Command::end_transaction:
      return void(checked<wire::End>(bytes, payload));
    case Command::transmit:
      return check_transmit(decode<wire::Transmit>(frame.body), bytes, payload);
    case Command::control:
      return check_control(decode<wire::Control>(frame.body), bytes, payload);
    case Command::status:
      return void(checked<wire::Status>(bytes, payload));
    case Command::cancel:
      return void(checked<wire::Cancel>(bytes, payload));
    case Command::get_attrib:
    case Command::set_attrib:
      return check_attribute(decode<wire::Attribute>(frame.body), frame.command, bytes, payload);
    case Command::get_readers_state:
      return check_states(bytes, wire::kFixedSlots);
    case Command::wait_reader_state_change:
      CARDEA_ASSERT(dialect.wait_sends_states);
      return check_states(bytes, wire::kFixedSlots);
    case Command::get_reader_events:
      return void(checked<wire::ReaderEvents>(bytes, payload));
    case Command::get_readers_state_size:
      CARDEA_ASSERT(bytes.size() == sizeof(wire::StateSize));
      announced_slots_ = static_cast<std::size_t>(decode<wire::StateSize>(bytes).count);
      CARDEA_ASSERT(announced_slots_ > 0 && announced_slots_ % wire::kFixedSlots == 0);
      return;
    case Command::get_readers_state_array:
      // Without a SIZE before, there is one reader's worth.
      return check_states(bytes, announced_slots_ != 0 ? announced_slots_ : wire::kFixedSlots);
    case Command::version:  // the server's own
    case Command::stop_waiting_reader_state_change:
      CARDEA_ASSERT(bytes.empty());  // the core has no answer to these
  }
}

}  // namespace cardea::fuzz
