// Whatever a card sends on the line in T=1: a command ends with a response or an error, within the
// number of blocks that the repairs allow, and every block that the driver sends is a good one.
#include "base/assert.hpp"
#include "drivers/ccid/apdu_chain.hpp"
#include "drivers/ccid/t1_protocol.hpp"
#include "tests/fuzz/input.hpp"

namespace {

using namespace cardea::ccid;
using cardea::fuzz::Input;

/// A block of the card: bit 0: with a right length and checksum; bits 1 and 2: nothing came.
T1Reply reply_of(Input& input, bool uses_crc) {
  T1Reply reply;
  if (input.used_up()) return reply;  // broken
  const unsigned how = input.byte();
  if ((how & 6U) == 6U) {
    reply.status = (how & 8U) != 0 ? T1LinkStatus::damaged : T1LinkStatus::silent;
    return reply;
  }
  reply.status = T1LinkStatus::received;
  if ((how & 1U) == 0) {
    T1Block block;
    block.pcb = input.byte();
    const auto inf = input.piece();
    block.inf.assign(inf.begin(), inf.begin() + std::min<std::ptrdiff_t>(std::ssize(inf), 254));
    reply.block = encode(block, uses_crc);
  } else {
    const auto raw = input.piece();
    reply.block.assign(raw.begin(), raw.end());
  }
  return reply;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  T1Settings settings;
  settings.uses_crc = input.below(2) != 0;
  settings.ifsc = static_cast<std::uint8_t>(1 + input.below(254));
  settings.block_bytes_max = 10U + input.byte();
  T1Protocol protocol(settings);
  const T1Link link = [&](ByteView block, unsigned wtx) {
    CARDEA_ASSERT(decode_block(block, settings.uses_crc));
    CARDEA_ASSERT(block.size() <= settings.block_bytes_max);
    CARDEA_ASSERT(wtx >= 1 && wtx <= 255);
    return reply_of(input, settings.uses_crc);
  };
  if (input.below(2) != 0) (void)protocol.negotiate_ifsd(254, link);  // any result will do
  while (!input.used_up()) {
    const auto response = protocol.transceive(input.piece(), link);
    if (response) CARDEA_ASSERT(response->size() <= kResponseBytesMax);
    if (!response) CARDEA_ASSERT(response.error() != IFD_SUCCESS);
  }
  return 0;
}
