#include "drivers/ccid/t1_protocol.hpp"

#include <algorithm>
#include <utility>

#include "drivers/ccid/driver_log.hpp"

namespace cardea::ccid {
namespace {

constexpr unsigned kRetriesMax = 3;
constexpr unsigned kResynchsMax = 3;
/// Requests of the card within one command. A key generation asks for time every second or so.
constexpr unsigned kSupervisoryBlocksMax = 10'000;
constexpr unsigned kEmptyBlocksMax = 16;

}  // namespace

T1Protocol::T1Protocol(const T1Settings& settings) : settings_(settings), ifsc_(settings.ifsc) {}

std::size_t T1Protocol::inf_bytes_max() const {
  const std::size_t frame = kT1PrologueBytes + epilogue_bytes(settings_.uses_crc);
  const std::size_t reader_max =
      settings_.block_bytes_max > frame ? settings_.block_bytes_max - frame : 1;
  return std::clamp<std::size_t>(ifsc_, 1, std::min(reader_max, kT1InfMax));
}

IfdResult<Bytes> T1Protocol::transceive(ByteView command, const T1Link& link) {
  if (dead_) return ifd_failure(IFD_COMMUNICATION_ERROR);
  Transfer transfer;
  transfer.command = command;
  const T1Block first = command_block(transfer);
  return run(transfer, first, std::nullopt, link);
}

std::array<std::uint8_t, kT1PrologueBytes> T1Protocol::foreign_prologue(
    std::size_t apdu_bytes) const {
  return {/*NAD=*/0, information_block(send_sequence_, /*more=*/false, {}).pcb,
          low_byte(apdu_bytes)};
}

IfdResult<Bytes> T1Protocol::finish_foreign(Bytes reply, const T1Link& link) {
  if (dead_) return ifd_failure(IFD_COMMUNICATION_ERROR);
  Transfer transfer;
  transfer.foreign = true;
  return run(transfer, {}, T1Reply{T1LinkStatus::received, std::move(reply), IFD_SUCCESS}, link);
}

T1Block T1Protocol::command_block(Transfer& transfer) const {
  const std::size_t left = transfer.command.size() - transfer.sent;
  transfer.block = std::min(left, inf_bytes_max());
  transfer.sending = true;
  return information_block(send_sequence_, /*more=*/transfer.block < left,
                           transfer.command.subspan(transfer.sent, transfer.block));
}

IfdResult<Bytes> T1Protocol::run(Transfer& transfer, T1Block block, std::optional<T1Reply> first,
                                 const T1Link& link) {
  while (true) {
    const T1Reply reply =
        first ? std::move(*first)
              : link(encode(block, settings_.uses_crc), std::exchange(transfer.wtx, 1U));
    first.reset();
    if (reply.status == T1LinkStatus::broken) {
      dead_ = true;
      return ifd_failure(reply.code);
    }
    Next next = react(transfer, reply);
    if (transfer.complete) return std::move(transfer.response);
    if (!next) {
      IfdResult<T1Block> again = resynchronise(transfer, link);
      if (!again) return ifd_failure(again.error());
      next = std::move(*again);
    }
    block = std::move(*next);
  }
}

T1Protocol::Next T1Protocol::react(Transfer& transfer, const T1Reply& reply) {
  if (reply.status == T1LinkStatus::damaged) return complain(transfer, T1Complaint::checksum);
  if (reply.status == T1LinkStatus::silent) return complain(transfer, T1Complaint::other);
  const std::optional<T1Block> block = decode_block(reply.block, settings_.uses_crc);
  if (!block) return complain(transfer, T1Complaint::checksum);
  switch (block->kind()) {
    case T1Kind::information:
      return react_to_information(transfer, *block);
    case T1Kind::receive_ready:
      return react_to_receive_ready(transfer, *block);
    case T1Kind::supervisory:
      break;
  }
  return react_to_supervisory(transfer, *block);
}

T1Protocol::Next T1Protocol::react_to_information(Transfer& transfer, const T1Block& block) {
  const bool is_amidst_chain = transfer.sending && !transfer.aborted &&
                               transfer.sent + transfer.block < transfer.command.size();
  if (is_amidst_chain || block.sequence() != receive_sequence_) {
    return complain(transfer, T1Complaint::other);
  }
  if (transfer.sending) {
    // 11.6.2.2: the first block of the response acknowledges the command.
    transfer.sending = false;
    transfer.sent = transfer.command.size();
    send_sequence_ ^= 1U;
  }
  receive_sequence_ ^= 1U;
  append(transfer.response, block.inf);
  note_progress(transfer);
  if (!block.more()) {
    transfer.complete = true;
    return std::nullopt;
  }
  // Or a card could go on for ever.
  if (block.inf.empty()) ++transfer.empty_blocks;
  if (transfer.response.size() > kResponseBytesMax || transfer.empty_blocks > kEmptyBlocksMax) {
    log_line(PCSC_LOG_ERROR, "the card's response has no end");
    dead_ = true;
    return std::nullopt;
  }
  return receive_ready_block(receive_sequence_, T1Complaint::none);
}

T1Protocol::Next T1Protocol::react_to_receive_ready(Transfer& transfer, const T1Block& block) {
  if (!transfer.sending) {
    // It did not understand our R-block.
    return retry(transfer, receive_ready_block(receive_sequence_, T1Complaint::none));
  }
  if (block.sequence() == send_sequence_) {
    // It wants the I-block again. One that the reader has sent is out of our hands.
    if (transfer.foreign) return std::nullopt;
    return retry(
        transfer,
        information_block(send_sequence_, transfer.sent + transfer.block < transfer.command.size(),
                          transfer.command.subspan(transfer.sent, transfer.block)));
  }
  if (transfer.foreign || transfer.aborted ||
      transfer.sent + transfer.block >= transfer.command.size()) {
    // It has the whole command and owes the response.
    return complain(transfer, T1Complaint::other);
  }
  send_sequence_ ^= 1U;
  transfer.sent += transfer.block;
  note_progress(transfer);
  return command_block(transfer);
}

T1Protocol::Next T1Protocol::react_to_supervisory(Transfer& transfer, const T1Block& block) {
  if (block.is_response()) return complain(transfer, T1Complaint::other);
  if (++transfer.supervisory > kSupervisoryBlocksMax) {
    log_line(PCSC_LOG_ERROR, "the card asks for more and more time");
    dead_ = true;
    return std::nullopt;
  }
  switch (block.about()) {
    case T1Supervisory::wtx:
      transfer.wtx = std::max<unsigned>(block.inf[0], 1);
      break;
    case T1Supervisory::ifs:
      if (block.inf[0] < 1 || block.inf[0] > kT1InfMax) {
        return complain(transfer, T1Complaint::other);
      }
      ifsc_ = block.inf[0];
      break;
    case T1Supervisory::abort:
      // 11.6.2.3: the chain under way is over, be it ours or the card's.
      transfer.aborted = true;
      transfer.response.clear();
      break;
    case T1Supervisory::resynch:  // ours alone to ask for
      return complain(transfer, T1Complaint::other);
  }
  return supervisory_block(block.about(), /*is_response=*/true, block.inf);
}

T1Protocol::Next T1Protocol::complain(Transfer& transfer, T1Complaint complaint) {
  return retry(transfer, receive_ready_block(receive_sequence_, complaint));
}

T1Protocol::Next T1Protocol::retry(Transfer& transfer, const T1Block& block) {
  if (++transfer.retries > kRetriesMax) return std::nullopt;
  return block;
}

void T1Protocol::note_progress(Transfer& transfer) const { transfer.retries = 0; }

// 11.6.3.2, rule 6: both sides forget their counters and the card what it had received; then the
// command starts again.
IfdResult<T1Block> T1Protocol::resynchronise(Transfer& transfer, const T1Link& link) {
  const Bytes request =
      encode(supervisory_block(T1Supervisory::resynch, /*is_response=*/false), settings_.uses_crc);
  while (!dead_ && !transfer.foreign && !transfer.aborted && transfer.resynchs < kResynchsMax) {
    ++transfer.resynchs;
    const T1Reply reply = link(request, 1);
    if (reply.status == T1LinkStatus::broken) {
      dead_ = true;
      return ifd_failure(reply.code);
    }
    if (reply.status != T1LinkStatus::received) continue;
    const std::optional<T1Block> answer = decode_block(reply.block, settings_.uses_crc);
    if (!answer || answer->kind() != T1Kind::supervisory || !answer->is_response() ||
        answer->about() != T1Supervisory::resynch) {
      continue;
    }
    send_sequence_ = 0;
    receive_sequence_ = 0;
    ifsc_ = settings_.ifsc;
    transfer.sent = 0;
    transfer.response.clear();
    transfer.retries = 0;
    transfer.wtx = 1;
    return command_block(transfer);
  }
  if (!dead_) log_line(PCSC_LOG_ERROR, "T=1 cannot be repaired, the card needs a reset");
  dead_ = true;
  return ifd_failure(IFD_COMMUNICATION_ERROR);
}

IfdResult<void> T1Protocol::negotiate_ifsd(std::uint8_t ifsd, const T1Link& link) {
  const std::array<std::uint8_t, 1> inf{ifsd};
  const Bytes request =
      encode(supervisory_block(T1Supervisory::ifs, /*is_response=*/false, inf), settings_.uses_crc);
  for (unsigned attempt = 0; attempt <= kRetriesMax; ++attempt) {
    const T1Reply reply = link(request, 1);
    if (reply.status == T1LinkStatus::broken) return ifd_failure(reply.code);
    if (reply.status != T1LinkStatus::received) continue;
    const std::optional<T1Block> answer = decode_block(reply.block, settings_.uses_crc);
    if (answer && answer->kind() == T1Kind::supervisory && answer->is_response() &&
        answer->about() == T1Supervisory::ifs && std::ranges::equal(answer->inf, inf)) {
      return {};
    }
  }
  log_line(PCSC_LOG_ERROR, "the card does not take part in T=1");
  return ifd_failure(IFD_COMMUNICATION_ERROR);
}

}  // namespace cardea::ccid
