#include "tests/unit/drivers/ccid/t1_card.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace cardea::ccid {

T1Card::T1Card(bool uses_crc, std::uint8_t ifsc, Application application)
    : uses_crc_(uses_crc),
      first_ifsc_(ifsc),
      application_(std::move(application)),
      faults_([](unsigned) { return T1Fault::none; }),
      ifsc_(ifsc),
      last_(receive_ready_block(0, T1Complaint::other)) {}

T1Link T1Card::link() {
  return [this](ByteView block, unsigned wtx) { return exchange(block, wtx); };
}

T1Reply T1Card::exchange(ByteView raw, unsigned wtx) {
  const T1Fault fault = faults_(blocks_++);
  if (fault == T1Fault::request_lost) return {T1LinkStatus::silent, {}, IFD_SUCCESS};
  if (wtx != 1) wtx_seen_ = wtx;
  const std::optional<T1Block> block =
      fault == T1Fault::request_damaged ? std::nullopt : decode_block(raw, uses_crc_);
  T1Block due;
  if (block) {
    due = answer(*block);
    if (fault == T1Fault::asks_for_time || fault == T1Fault::changes_ifsc) {
      due = hold_back(std::move(due), fault);
    }
  } else {
    // Rule 7.3: its own S-request is repeated, everything else is asked for again.
    due = held_back_ ? last_ : receive_ready_block(expected_, T1Complaint::checksum);
  }
  last_ = due;
  if (fault == T1Fault::response_lost) return {T1LinkStatus::silent, {}, IFD_SUCCESS};
  if (fault == T1Fault::parity) return {T1LinkStatus::damaged, {}, IFD_SUCCESS};
  Bytes encoded = encode(due, uses_crc_);
  if (fault == T1Fault::response_damaged) encoded.back() ^= 0x55U;
  return {T1LinkStatus::received, std::move(encoded), IFD_SUCCESS};
}

T1Block T1Card::hold_back(T1Block due, T1Fault fault) {
  if (due.kind() == T1Kind::supervisory) return due;
  held_back_ = std::move(due);
  const bool asks_for_time = fault == T1Fault::asks_for_time;
  if (!asks_for_time) ifsc_ = std::min(first_ifsc_, kNewIfsc);
  const std::array<std::uint8_t, 1> inf{asks_for_time ? kTimeFactor : ifsc_};
  return supervisory_block(asks_for_time ? T1Supervisory::wtx : T1Supervisory::ifs,
                           /*is_response=*/false, inf);
}

T1Block T1Card::answer(const T1Block& block) {
  if (held_back_ && block.kind() != T1Kind::supervisory) return last_;
  switch (block.kind()) {
    case T1Kind::information:
      return answer_information(block);
    case T1Kind::receive_ready:
      return answer_receive_ready(block);
    case T1Kind::supervisory:
      break;
  }
  return answer_supervisory(block);
}

T1Block T1Card::answer_information(const T1Block& block) {
  longest_inf_ = std::max(longest_inf_, block.inf.size());
  if (block.inf.size() > first_ifsc_) overrun_ = true;
  if (block.sequence() != expected_) return receive_ready_block(expected_, T1Complaint::other);
  if (std::exchange(unacknowledged_, false)) send_sequence_ ^= 1U;
  expected_ ^= 1U;
  append(command_, block.inf);
  if (block.more()) return receive_ready_block(expected_, T1Complaint::none);
  ++executions_;
  response_ = application_(std::exchange(command_, {}));
  sent_ = 0;
  return response_block();
}

T1Block T1Card::response_block() {
  block_ = std::min<std::size_t>(response_.size() - sent_, ifsd_);
  unacknowledged_ = true;
  return information_block(send_sequence_, sent_ + block_ < response_.size(),
                           ByteView(response_).subspan(sent_, block_));
}

T1Block T1Card::answer_receive_ready(const T1Block& block) {
  if (!unacknowledged_) {
    return last_.kind() == T1Kind::receive_ready
               ? last_
               : receive_ready_block(expected_, T1Complaint::none);
  }
  if (block.sequence() == send_sequence_) return response_block();
  send_sequence_ ^= 1U;
  sent_ += block_;
  if (sent_ < response_.size()) return response_block();
  unacknowledged_ = false;
  return receive_ready_block(expected_, T1Complaint::none);
}

T1Block T1Card::answer_supervisory(const T1Block& block) {
  if (block.is_response()) {
    if (!held_back_) return receive_ready_block(expected_, T1Complaint::other);
    return *std::exchange(held_back_, std::nullopt);
  }
  if (block.about() == T1Supervisory::resynch) reset();
  if (block.about() == T1Supervisory::ifs) ifsd_ = block.inf[0];
  return supervisory_block(block.about(), /*is_response=*/true, block.inf);
}

void T1Card::reset() {
  ++resynchs_;
  send_sequence_ = 0;
  expected_ = 0;
  ifsc_ = first_ifsc_;
  command_.clear();
  response_.clear();
  unacknowledged_ = false;
  held_back_.reset();
}

}  // namespace cardea::ccid
