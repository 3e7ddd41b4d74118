#include "drivers/ccid/pin.hpp"

#include <algorithm>
#include <utility>

#include "drivers/ccid/driver_log.hpp"

namespace cardea::ccid {
namespace {

constexpr std::uint8_t kOperationVerify = 0;
constexpr std::uint8_t kOperationModify = 1;
constexpr std::size_t kPrologueBytes = 3;
constexpr std::size_t kApduBytesMin = 4;
constexpr int kTimeoutSecondsMin = 90;
constexpr int kTimeoutMarginSeconds = 10;
constexpr std::uint8_t kValidationConditionMax = 7;
constexpr std::uint8_t kValidationKey = 2;

/// Where the fields of a structure lie.
struct Layout {
  std::size_t max_extra_digit;
  std::size_t validation_condition;
  std::size_t message_count;
  std::size_t language;
  std::size_t prologue;
  std::size_t data_length;
  std::size_t data;
};
constexpr Layout kVerify{5, 7, 8, 9, 12, 15, 19};
constexpr Layout kModify{7, 10, 11, 12, 17, 20, 24};

std::uint32_t big_endian_32(ByteView from, std::size_t offset) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8U | from[offset + i];
  return value;
}

/// A copy in the byte order of CCID with the values readers trip over corrected.
IfdResult<Bytes> checked_copy(ByteView structure, const Layout& layout) {
  if (structure.size() < layout.data + kApduBytesMin) {
    log_line(PCSC_LOG_ERROR,
             "a PIN structure of " + std::to_string(structure.size()) + " bytes is too short");
    return ifd_failure(IFD_COMMUNICATION_ERROR);
  }
  Bytes copy(structure.begin(), structure.end());
  const std::size_t apdu_bytes = structure.size() - layout.data;
  if (little_endian(structure, layout.data_length, 4) != apdu_bytes) {
    if (big_endian_32(structure, layout.data_length) != apdu_bytes) {
      log_line(PCSC_LOG_ERROR, "ulDataLength of a PIN structure is wrong");
      return ifd_failure(IFD_COMMUNICATION_ERROR);
    }
    // The caller wrote all its numbers that way.
    std::swap(copy[layout.max_extra_digit], copy[layout.max_extra_digit + 1]);
    std::swap(copy[layout.language], copy[layout.language + 1]);
  }
  std::uint8_t& condition = copy[layout.validation_condition];
  if (condition == 0 || condition > kValidationConditionMax) condition = kValidationKey;
  return copy;
}

void append_range(Bytes& out, const Bytes& from, std::size_t begin, std::size_t end) {
  append(out, ByteView(from).subspan(begin, end - begin));
}

/// Everything after the message indices, and the numbers about it.
PinBlock finish(Bytes data, const Bytes& structure, const Layout& layout) {
  PinBlock block;
  block.prologue_offset = data.size();
  append_range(data, structure, layout.prologue, layout.prologue + kPrologueBytes);
  append_range(data, structure, layout.data, structure.size());
  block.data = std::move(data);
  block.apdu_bytes = structure.size() - layout.data;
  block.timeout_ms = 1000 * std::max(kTimeoutSecondsMin, structure[0] + kTimeoutMarginSeconds);
  return block;
}

}  // namespace

IfdResult<PinBlock> pin_verification(ByteView structure) {
  const IfdResult<Bytes> copy = checked_copy(structure, kVerify);
  if (!copy) return ifd_failure(copy.error());
  Bytes data{kOperationVerify, (*copy)[0]};
  append_range(data, *copy, 2, kVerify.prologue);  // without bTimerOut2
  return finish(std::move(data), *copy, kVerify);
}

IfdResult<PinBlock> pin_modification(ByteView structure) {
  const IfdResult<Bytes> copy = checked_copy(structure, kModify);
  if (!copy) return ifd_failure(copy.error());
  // The second and third message index are there only if they are used.
  const std::size_t indices = std::clamp<std::size_t>((*copy)[kModify.message_count], 1, 3);
  Bytes data{kOperationModify, (*copy)[0]};
  append_range(data, *copy, 2, kModify.prologue - 3 + indices);
  return finish(std::move(data), *copy, kModify);
}

}  // namespace cardea::ccid
