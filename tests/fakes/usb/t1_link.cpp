#include "tests/fakes/usb/t1_link.hpp"

#include <algorithm>

namespace cardea::usb_fake {
namespace {

constexpr std::size_t kPrologueBytes = 3;
constexpr std::size_t kEnvelopeBytes = kPrologueBytes + 1;

constexpr unsigned kNotInformation = 0x80;
constexpr unsigned kSupervisory = 0xC0;
constexpr unsigned kResponse = 0x20;
constexpr unsigned kMore = 0x20;
constexpr unsigned kSendNumber = 0x40;
constexpr unsigned kReceiveNumber = 0x10;
constexpr unsigned kKindMask = 0x1F;
constexpr unsigned kResynch = 0;
constexpr unsigned kIfs = 1;
constexpr unsigned kChecksumError = 0x01;

std::uint8_t checksum(ByteView bytes) {
  std::uint8_t sum = 0;
  for (const std::uint8_t byte : bytes) sum ^= byte;
  return sum;
}

Bytes make_block(unsigned control, ByteView information = {}) {
  Bytes block = {0, static_cast<std::uint8_t>(control),
                 static_cast<std::uint8_t>(information.size())};
  block.insert(block.end(), information.begin(), information.end());
  block.push_back(checksum(block));
  return block;
}

}  // namespace

Bytes T1Link::exchange(ByteView block, const RunApdu& run) {
  if (block.size() < kEnvelopeBytes || block.size() != kEnvelopeBytes + block[2] ||
      checksum(block) != 0) {
    return make_block(kNotInformation | kChecksumError);
  }
  const std::uint8_t control = block[1];
  const ByteView information = block.subspan(kPrologueBytes, block[2]);
  if ((control & kNotInformation) == 0) {
    last_ = information_block(control, information, run);
  } else if ((control & kSupervisory) == kSupervisory) {
    last_ = supervisory_block(control, information);
  } else if (!response_.empty() && ((control & kReceiveNumber) != 0) == (send_number_ != 0)) {
    last_ = next_piece();
  }
  return last_;  // after any other R-block: once more
}

Bytes T1Link::information_block(std::uint8_t control, ByteView information, const RunApdu& run) {
  command_.insert(command_.end(), information.begin(), information.end());
  if ((control & kMore) != 0) {
    const bool was_one = (control & kSendNumber) != 0;
    return make_block(kNotInformation | (was_one ? 0U : kReceiveNumber));
  }
  response_ = run(command_);
  command_.clear();
  return next_piece();
}

Bytes T1Link::supervisory_block(std::uint8_t control, ByteView information) {
  const unsigned kind = control & kKindMask;
  if (kind == kResynch) *this = {};
  if (kind == kIfs && !information.empty()) piece_bytes_ = information[0];
  return make_block(kSupervisory | kResponse | kind, information);
}

Bytes T1Link::next_piece() {
  const std::size_t count = std::min(piece_bytes_, response_.size());
  const bool more = count < response_.size();
  Bytes block = make_block((send_number_ != 0 ? kSendNumber : 0U) | (more ? kMore : 0U),
                           ByteView(response_).first(count));
  response_.erase(response_.begin(),
                  response_.begin() + static_cast<Bytes::difference_type>(count));
  send_number_ ^= 1U;
  return block;
}

}  // namespace cardea::usb_fake
