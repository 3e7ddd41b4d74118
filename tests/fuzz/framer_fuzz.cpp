// Whatever a client sends, in any dialect, cut anywhere: the framer reads only what it was given
// (each prefix is a heap block of exactly its size, under AddressSanitizer), asks for more until
// it has an answer, and keeps to that answer when more arrives. The first byte chooses the dialect.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "base/assert.hpp"
#include "protocol/dialect.hpp"
#include "protocol/framer.hpp"

namespace {

using namespace cardea::wire;

/// Longer inputs are checked at their start and end, which is where answers change.
constexpr std::size_t kPrefixesMax = 512;

FrameResult frame_of_prefix(const Dialect& dialect, std::span<const std::byte> input,
                            std::size_t bytes) {
  const std::unique_ptr<std::byte[]> copy(new std::byte[bytes]);
  std::copy_n(input.begin(), bytes, copy.get());
  const std::span<const std::byte> prefix(copy.get(), bytes);
  FrameResult result = next_frame(dialect, prefix);
  if (const auto* frame = std::get_if<Frame>(&result)) {
    CARDEA_ASSERT(frame->bytes <= bytes);
    CARDEA_ASSERT(frame->bytes == sizeof(Header) + frame->body.size() + frame->payload.size());
    CARDEA_ASSERT(frame->bytes <= kRequestBytesMax);
    CARDEA_ASSERT(frame->body.data() == prefix.data() + sizeof(Header));
    CARDEA_ASSERT(frame->body.size() == body_bytes(dialect, frame->command));
    CARDEA_ASSERT(frame->payload.empty() ||
                  frame->payload.data() == frame->body.data() + frame->body.size());
  } else if (const auto* malformed = std::get_if<Malformed>(&result)) {
    CARDEA_ASSERT(!malformed->reason.empty());
  }
  return result;
}

/// The answer to a prefix holds for every longer one, unless it was "need more".
void check_step(const FrameResult& shorter, const FrameResult& longer, std::size_t longer_bytes) {
  if (const auto* frame = std::get_if<Frame>(&shorter)) {
    const auto* again = std::get_if<Frame>(&longer);
    CARDEA_ASSERT(again != nullptr);
    CARDEA_ASSERT(again->command == frame->command && again->bytes == frame->bytes);
  } else if (const auto* malformed = std::get_if<Malformed>(&shorter)) {
    const auto* again = std::get_if<Malformed>(&longer);
    CARDEA_ASSERT(again != nullptr && again->reason == malformed->reason);
  } else if (const auto* frame_now = std::get_if<Frame>(&longer)) {
    CARDEA_ASSERT(frame_now->bytes == longer_bytes);  // not one byte later than possible
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::int32_t minor = kMinorOldest + data[0] % (kMinorNewest - kMinorOldest + 1);
  const Dialect* dialect = find_dialect(kMajor, minor);
  CARDEA_ASSERT(dialect != nullptr);
  std::span<const std::byte> input = std::as_bytes(std::span(data + 1, size - 1));

  FrameResult before = NeedMore{};
  const std::size_t first_part = std::min(input.size(), kPrefixesMax);
  for (std::size_t bytes = 0; bytes <= first_part; ++bytes) {
    FrameResult now = frame_of_prefix(*dialect, input, bytes);
    check_step(before, now, bytes);
    before = std::move(now);
  }
  // The spans of `before` are gone by now; only its numbers are looked at.
  if (input.size() > first_part && !std::holds_alternative<NeedMore>(before)) {
    check_step(before, frame_of_prefix(*dialect, input, input.size()), input.size());
  }
  for (;;) {  // the whole stream, frame by frame
    const FrameResult result = frame_of_prefix(*dialect, input, input.size());
    const auto* frame = std::get_if<Frame>(&result);
    if (frame == nullptr) break;
    CARDEA_ASSERT(
        std::holds_alternative<NeedMore>(frame_of_prefix(*dialect, input, frame->bytes - 1)));
    input = input.subspan(frame->bytes);
  }
  return 0;
}
