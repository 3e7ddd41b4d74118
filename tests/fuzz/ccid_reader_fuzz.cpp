// Whatever a reader answers on its pipes, to whatever it is asked: every call of the CCID driver
// ends with a result that its host understands. The input decides what is asked and is all that
// the reader says; when it is used up, the reader is unplugged.
//
// A message of the reader: a byte of how. Bit 0: a piece as it is. Else a good header for the last
// command with status, error and chain byte from the input, and a piece of data.
#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "drivers/ccid/slot.hpp"
#include "drivers/ccid/slot_change_monitor.hpp"
#include "tests/fuzz/input.hpp"

namespace {

using namespace cardea::ccid;
using cardea::fuzz::Input;

class SpeakingPipe final : public BulkPipe {
 public:
  explicit SpeakingPipe(Input& input) : input_(input) {}

  IoStatus write(ByteView message, int) override {
    CARDEA_ASSERT(message.size() >= kHeaderBytes && message.size() <= kMessageBytesMax);
    CARDEA_ASSERT(little_endian(message, 1, 4) == message.size() - kHeaderBytes);
    std::copy_n(message.begin(), kHeaderBytes, command_.begin());
    return input_.used_up() ? IoStatus::gone : IoStatus::ok;
  }

  IoResult read(std::span<std::uint8_t> room, int) override { return say(room); }
  [[nodiscard]] bool has_interrupt() const override { return true; }
  IoResult read_interrupt(std::span<std::uint8_t> room, int) override {
    if (input_.used_up()) return {IoStatus::gone, 0};
    const auto piece = input_.piece();
    std::copy(piece.begin(), piece.end(), room.begin());
    return {IoStatus::ok, piece.size()};
  }
  void cancel_interrupt() noexcept override {}
  IoStatus request_abort(std::uint8_t, std::uint8_t, int) override { return IoStatus::ok; }

 private:
  IoResult say(std::span<std::uint8_t> room) {
    if (input_.used_up()) return {IoStatus::gone, 0};
    const unsigned how = input_.byte();
    if (how >= 0xFC) return {IoStatus::error, 0};
    std::size_t at = 0;
    if ((how & 1U) == 0) {
      at = kHeaderBytes;
      std::fill_n(room.begin(), kHeaderBytes, std::uint8_t{0});
      room[0] = type_of_answer();
      room[5] = command_[5];
      room[6] = command_[6];
      // In one of four cases the reader has something to complain about.
      const bool complains = (how & 6U) == 6;
      room[7] = complains ? input_.byte() : std::uint8_t{0};
      room[8] = complains ? input_.byte() : std::uint8_t{0};
      room[9] = (how & 8U) != 0 ? input_.byte() : std::uint8_t{0};
    }
    const auto piece = input_.bytes(std::min<std::size_t>(input_.byte(), room.size() - at));
    std::copy(piece.begin(), piece.end(), room.begin() + static_cast<std::ptrdiff_t>(at));
    if (at != 0) room[1] = static_cast<std::uint8_t>(piece.size());
    return {IoStatus::ok, at + piece.size()};
  }

  /// CCID Rev 1.1, table 6.2-1.
  [[nodiscard]] std::uint8_t type_of_answer() const {
    switch (static_cast<Command>(command_[0])) {
      case Command::power_on:
      case Command::transfer_block:
      case Command::secure:
        return 0x80;
      case Command::set_parameters:
        return 0x82;
      case Command::escape:
        return 0x83;
      default:
        return 0x81;
    }
  }

  Input& input_;
  std::array<std::uint8_t, kHeaderBytes> command_{};
};

UsbInterface some_reader(Input& input) {
  UsbInterface interface;
  CcidDescriptor& descriptor = interface.descriptor;
  const unsigned what = input.byte();
  descriptor.slots = static_cast<std::uint8_t>(1 + (what & 1U));
  descriptor.voltages = static_cast<std::uint8_t>(what >> 1U & 7U);
  descriptor.default_clock_khz = 4000;
  descriptor.default_rate_bps = 10'752;
  descriptor.max_rate_bps = 344'086;
  descriptor.max_ifsd = 254;
  descriptor.pin_support = 3;
  // Bits of dwFeatures by the input, and one of the four exchange levels.
  descriptor.features = static_cast<std::uint32_t>(input.byte()) << 3U |
                        static_cast<std::uint32_t>(what >> 4U & 3U) << 16U;
  if ((what >> 4U & 3U) == 3U) descriptor.features = (descriptor.features & 0xFFFFU) | 0x40000U;
  descriptor.max_message_bytes = (what & 0x80U) != 0 ? 271 : 64;
  return interface;
}

void check(const IfdResult<Bytes>& result, std::size_t bytes_max) {
  if (result) CARDEA_ASSERT(result->size() <= bytes_max);
  if (!result) CARDEA_ASSERT(result.error() != IFD_SUCCESS);
}

void call(Slot& slot, Input& input) {
  switch (input.below(10)) {
    case 0:
      (void)slot.presence();  // any code will do
      break;
    case 1:
      check(slot.power(IFD_POWER_DOWN), 0);
      break;
    case 2:
    case 3:
      check(slot.power(input.below(2) != 0 ? IFD_POWER_UP : IFD_RESET), kAtrBytesMax);
      break;
    case 4:
      (void)slot.set_protocol(1 + input.below(2));  // any code will do
      break;
    case 5:
      check(slot.escape(input.piece()), kMessageBytesMax);
      break;
    case 6:
      check(slot.enter_pin(input.piece(), input.below(2) != 0), kResponseBytesMax);
      break;
    default:
      check(slot.transmit(input.below(3), input.piece()), kResponseBytesMax);
  }
  CARDEA_ASSERT(slot.atr().size() <= kAtrBytesMax);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const UsbInterface interface = some_reader(input);
  SpeakingPipe pipe(input);
  CcidDevice device(pipe, interface.descriptor, /*log_traffic=*/false);
  Slot slot(device, interface, /*number=*/0, [] {});
  SlotChangeMonitor monitor(pipe, interface.descriptor.slots);
  while (!input.used_up()) {
    call(slot, input);
    if (input.below(8) == 1) (void)monitor.wait(0, cardea::milliseconds{60'000});
  }
  device.set_gone();
  CARDEA_ASSERT(slot.presence() == IFD_ICC_NOT_PRESENT);
  return 0;
}
