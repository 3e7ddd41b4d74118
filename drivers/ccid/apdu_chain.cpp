#include "drivers/ccid/apdu_chain.hpp"

#include <algorithm>
#include <utility>

#include "drivers/ccid/driver_log.hpp"
#include "drivers/ccid/t1_protocol.hpp"

namespace cardea::ccid {
namespace {

// wLevelParameter; bChainParameter of answers uses the same values.
constexpr std::uint16_t kWhole = 0x00;
constexpr std::uint16_t kBegins = 0x01;
constexpr std::uint16_t kEnds = 0x02;
constexpr std::uint16_t kContinues = 0x03;
constexpr std::uint16_t kGoOn = 0x10;

/// More answers than the longest response fills, even by a reader of tiny messages.
constexpr unsigned kAnswersMax = 20'000;

tl::unexpected<RESPONSECODE> broken_chain(unsigned parameter) {
  log_line(PCSC_LOG_ERROR, "unexpected chain parameter " + hex(parameter));
  return ifd_failure(IFD_COMMUNICATION_ERROR);
}

IfdResult<Answer> send_command(ByteView command, std::size_t piece_bytes_max,
                               const BlockTransfer& transfer) {
  std::size_t sent = 0;
  while (true) {
    const ByteView piece = command.subspan(sent, std::min(piece_bytes_max, command.size() - sent));
    const bool is_first = sent == 0;
    sent += piece.size();
    const bool is_last = sent == command.size();
    const std::uint16_t level =
        is_last ? (is_first ? kWhole : kEnds) : (is_first ? kBegins : kContinues);
    IfdResult<Answer> answer = transfer(piece, level);
    if (!answer || is_last) return answer;
    if (answer->chain != kGoOn) return broken_chain(answer->chain);
  }
}

}  // namespace

IfdResult<Bytes> transfer_chained(ByteView command, std::size_t piece_bytes_max,
                                  const BlockTransfer& transfer) {
  IfdResult<Answer> answer = send_command(command, piece_bytes_max, transfer);
  if (!answer) return ifd_failure(answer.error());
  if (answer->chain != kWhole && answer->chain != kBegins) return broken_chain(answer->chain);
  Bytes response;
  for (unsigned answers = 1;; ++answers) {
    append(response, answer->data);
    if (answer->chain == kWhole || answer->chain == kEnds) return response;
    if (response.size() > kResponseBytesMax || answers == kAnswersMax) {
      log_line(PCSC_LOG_ERROR, "the reader's response has no end");
      return ifd_failure(IFD_COMMUNICATION_ERROR);
    }
    answer = transfer({}, kGoOn);
    if (!answer) return ifd_failure(answer.error());
    if (answer->chain != kContinues && answer->chain != kEnds) return broken_chain(answer->chain);
  }
}

}  // namespace cardea::ccid
