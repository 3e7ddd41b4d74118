// A slot in front of the reader's model: power, protocols, exchange levels, PIN entry, presence.
#include "drivers/ccid/slot.hpp"

#include <gtest/gtest.h>

#include "tests/unit/drivers/ccid/fake_reader.hpp"
#include "tests/unit/drivers/ccid/t1_card.hpp"

namespace cardea::ccid {
namespace {

constexpr DWORD kSetT0 = 1;  // of IFDHSetProtocolParameters
constexpr DWORD kSetT1 = 2;
constexpr DWORD kSendT0 = 0;  // of SCARD_IO_HEADER
constexpr DWORD kSendT1 = 1;
constexpr DWORD kSendRaw = 4;

const Bytes kT0Atr{0x3B, 0x00};
const Bytes kFastBothAtr{0x3B, 0x90, 0x95, 0x80, 0x01};  // TA1 95, T=0 and T=1
const Bytes kT1Atr{0x3B, 0x80, 0x81, 0x31, 0xFE, 0x45};  // IFSC 254
const Bytes kCommand{0x00, 0xA4, 0x00, 0x00};
const Bytes kOk{0x90, 0x00};

std::optional<Bytes> echo(ByteView command) {
  // A PPS is agreed to, everything else comes back with a status word.
  Bytes response(command.begin(), command.end());
  if (command[0] != 0xFF) append(response, kOk);
  return response;
}

Bytes data_of(const std::vector<FakeReader::Seen>& seen, std::size_t index) {
  return index < seen.size() ? seen[index].data : Bytes{0xDE, 0xAD};
}

struct Bench {
  explicit Bench(const DescriptorFields& fields = {})
      : fake(fields),
        interface(usb_interface(fields)),
        device(fake, interface.descriptor, /*log_traffic=*/false),
        slot(device, interface, 0, [this] { ++looks; }) {}

  void insert_and_power(const Bytes& atr, FakeCard card = echo) {
    fake.insert(0, atr, std::move(card));
    EXPECT_EQ(slot.power(IFD_POWER_UP), atr);
  }

  FakeReader fake;
  UsbInterface interface;
  CcidDevice device;
  unsigned looks = 0;
  Slot slot;
};

TEST(Slot, ReportsPresence) {
  Bench bench;
  EXPECT_EQ(bench.slot.presence(), IFD_ICC_NOT_PRESENT);
  bench.fake.insert(0, kT0Atr, echo);
  EXPECT_EQ(bench.slot.presence(), IFD_ICC_PRESENT);
  EXPECT_EQ(bench.slot.power(IFD_POWER_UP), kT0Atr);
  EXPECT_EQ(bench.slot.presence(), IFD_ICC_PRESENT);
  EXPECT_EQ(bench.slot.atr(), kT0Atr);
  EXPECT_TRUE(bench.slot.power(IFD_POWER_DOWN).has_value());
  EXPECT_TRUE(bench.slot.atr().empty());
  EXPECT_EQ(bench.slot.presence(), IFD_ICC_PRESENT);
  bench.fake.remove(0);
  EXPECT_EQ(bench.slot.presence(), IFD_ICC_NOT_PRESENT);
}

TEST(Slot, ReportsAnExchangedCardAbsentOnce) {
  Bench bench;
  bench.insert_and_power(kT0Atr);
  bench.fake.swap(0);
  EXPECT_EQ(bench.slot.presence(), IFD_ICC_NOT_PRESENT);
  EXPECT_EQ(bench.looks, 1U);
  EXPECT_TRUE(bench.slot.atr().empty());
  EXPECT_EQ(bench.slot.presence(), IFD_ICC_PRESENT);
  EXPECT_EQ(bench.looks, 1U);
}

TEST(Slot, IsEmptyOnceTheDeviceIsGone) {
  Bench bench;
  bench.insert_and_power(kT0Atr);
  bench.fake.unplug();
  EXPECT_EQ(bench.slot.presence(), IFD_ICC_NOT_PRESENT);
  EXPECT_EQ(bench.slot.power(IFD_POWER_UP).error(), IFD_NO_SUCH_DEVICE);
  EXPECT_EQ(bench.slot.power(IFD_POWER_DOWN).error(), IFD_NO_SUCH_DEVICE);
  EXPECT_EQ(bench.slot.set_protocol(kSetT0), IFD_NO_SUCH_DEVICE);
  EXPECT_EQ(bench.slot.transmit(kSendT0, kCommand).error(), IFD_NO_SUCH_DEVICE);
  EXPECT_EQ(bench.slot.escape(kCommand).error(), IFD_NO_SUCH_DEVICE);
}

TEST(Slot, LeavesTheVoltageToAReaderThatFindsIt) {
  Bench bench;
  bench.insert_and_power(kT0Atr);
  EXPECT_EQ(bench.fake.seen(Command::power_on).at(0).parameters[0], 0);
}

TEST(Slot, TriesTheReadersVoltagesInTurn) {
  Bench bench({.features = 0});
  bench.fake.set_trouble({.failing_voltages = 2});
  bench.insert_and_power(kT0Atr);
  const auto seen = bench.fake.seen(Command::power_on);
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].parameters[0], 1);  // 5 V
  EXPECT_EQ(seen[1].parameters[0], 3);  // 1.8 V
  EXPECT_EQ(seen[2].parameters[0], 2);  // 3 V
}

TEST(Slot, GivesUpWhenNoVoltageIsLeft) {
  Bench bench({.features = 0, .voltages = 1});
  bench.fake.insert(0, kT0Atr, echo);
  bench.fake.set_trouble({.failing_voltages = 1});
  EXPECT_EQ(bench.slot.power(IFD_POWER_UP).error(), IFD_ERROR_POWER_ACTION);
  EXPECT_EQ(bench.slot.power(IFD_POWER_UP), kT0Atr);
  EXPECT_EQ(bench.slot.power(499).error(), IFD_NOT_SUPPORTED);
}

TEST(Slot, CutsAnAtrThatIsTooLong) {
  Bench bench;
  Bytes atr(40, 0x00);
  atr[0] = 0x3B;
  bench.fake.insert(0, atr, echo);
  atr.resize(33);
  EXPECT_EQ(bench.slot.power(IFD_RESET), atr);
  EXPECT_EQ(bench.slot.atr(), atr);
}

TEST(Slot, UsesACardWithoutAtrRaw) {
  Bench bench;
  bench.insert_and_power({});
  EXPECT_EQ(bench.slot.transmit(kSendRaw, kCommand), *echo(kCommand));
}

TEST(Slot, DoesNotPowerAnEmptySlot) {
  Bench bench({.features = 0});
  EXPECT_EQ(bench.slot.power(IFD_POWER_UP).error(), IFD_ICC_NOT_PRESENT);
  EXPECT_EQ(bench.fake.seen(Command::power_on).size(), 1U);
  EXPECT_EQ(bench.slot.transmit(kSendT0, kCommand).error(), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(bench.slot.set_protocol(kSetT0), IFD_COMMUNICATION_ERROR);
}

TEST(Slot, RefusesAProtocolTheCardHasNot) {
  Bench bench;
  bench.insert_and_power(kT0Atr);
  EXPECT_EQ(bench.slot.set_protocol(kSetT1), IFD_PROTOCOL_NOT_SUPPORTED);
  EXPECT_EQ(bench.slot.set_protocol(kSetT0), IFD_SUCCESS);
  EXPECT_EQ(bench.slot.set_protocol(4), IFD_PROTOCOL_NOT_SUPPORTED);
}

TEST(Slot, NegotiatesWhatTheReaderDoesNot) {
  Bench bench({.level = ExchangeLevel::tpdu, .features = 0x38 | 0x400});
  bench.insert_and_power(kFastBothAtr);
  EXPECT_EQ(bench.slot.set_protocol(kSetT1), IFD_SUCCESS);
  EXPECT_EQ(data_of(bench.fake.seen(Command::transfer_block), 0), (Bytes{0xFF, 0x11, 0x95, 0x7B}));
  const auto parameters = bench.fake.seen(Command::set_parameters);
  ASSERT_EQ(parameters.size(), 1U);
  EXPECT_EQ(parameters[0].parameters[0], 1);
  EXPECT_EQ(parameters[0].data, (Bytes{0x95, 0x10, 0x00, 0x4D, 0x00, 0x20, 0x00}));
  // Once is enough: a second exchange would disturb the card.
  EXPECT_EQ(bench.slot.set_protocol(kSetT1), IFD_SUCCESS);
  EXPECT_EQ(bench.fake.seen(Command::set_parameters).size(), 1U);
}

TEST(Slot, LeavesThePpsToAReaderThatMakesIt) {
  Bench bench;  // automatic_pps
  bench.insert_and_power(kFastBothAtr);
  EXPECT_EQ(bench.slot.set_protocol(kSetT0), IFD_SUCCESS);
  EXPECT_TRUE(bench.fake.seen(Command::transfer_block).empty());
  EXPECT_EQ(data_of(bench.fake.seen(Command::set_parameters), 0),
            (Bytes{0x95, 0x00, 0x00, 0x0A, 0x00}));
}

TEST(Slot, LeavesEverythingToAReaderThatNegotiatesItself) {
  Bench bench({.features = 0x40});
  bench.insert_and_power(kFastBothAtr);
  EXPECT_EQ(bench.slot.set_protocol(kSetT1), IFD_SUCCESS);
  EXPECT_EQ(bench.fake.seen().size(), 1U);  // the power-up
}

TEST(Slot, ReportsARefusedPps) {
  Bench bench({.features = 0x38});
  bench.insert_and_power(kFastBothAtr, [](ByteView) { return Bytes{0xFF, 0x00, 0xFF}; });
  EXPECT_EQ(bench.slot.set_protocol(kSetT1), IFD_ERROR_PTS_FAILURE);
  EXPECT_TRUE(bench.fake.seen(Command::set_parameters).empty());
}

TEST(Slot, ReadsTheAnswerToItsParameters) {
  const auto with_error = [](std::uint8_t error) {
    Bench bench;
    bench.insert_and_power(kT0Atr);
    bench.fake.set_trouble({.parameters_error = error});
    return bench.slot.set_protocol(kSetT0);
  };
  EXPECT_EQ(with_error(10), IFD_SUCCESS);  // "that one is fixed"
  EXPECT_EQ(with_error(0), IFD_NOT_SUPPORTED);
  EXPECT_EQ(with_error(0xF4), IFD_COMMUNICATION_ERROR);
}

TEST(Slot, PassesShortApdusAndTpdusThrough) {
  for (const ExchangeLevel level : {ExchangeLevel::short_apdu, ExchangeLevel::tpdu}) {
    Bench bench({.level = level});
    bench.insert_and_power(kT0Atr);
    ASSERT_EQ(bench.slot.set_protocol(kSetT0), IFD_SUCCESS);
    EXPECT_EQ(bench.slot.transmit(kSendT0, kCommand), *echo(kCommand));
    const auto seen = bench.fake.seen(Command::transfer_block);
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_EQ(seen[0].parameters, (std::array<std::uint8_t, 3>{}));
    EXPECT_EQ(seen[0].data, kCommand);
    EXPECT_EQ(bench.slot.transmit(kSendT0, Bytes(262, 1)).error(), IFD_COMMUNICATION_ERROR);
    EXPECT_EQ(bench.slot.transmit(kSendT0, Bytes(261, 1)).has_value(), true);
  }
}

TEST(Slot, ChainsExtendedApdus) {
  Bench bench({.level = ExchangeLevel::extended_apdu});
  bench.insert_and_power(kT0Atr);
  for (const std::size_t size : {4U, 261U, 262U, 522U, 523U, 65'544U}) {
    Bytes command(size, 0x42);
    command.back() = 0x17;
    const IfdResult<Bytes> response = bench.slot.transmit(kSendT0, command);
    ASSERT_TRUE(response.has_value()) << size;
    EXPECT_EQ(*response, *echo(command));
  }
}

TEST(Slot, ReportsFailuresOfExtendedApdus) {
  Bench bench({.level = ExchangeLevel::extended_apdu});
  bench.insert_and_power(kT0Atr, [](ByteView) { return std::nullopt; });
  EXPECT_EQ(bench.slot.transmit(kSendT0, kCommand).error(), IFD_COMMUNICATION_ERROR);
  bench.fake.set_trouble({.error = kErrorPinCancelled});
  EXPECT_EQ(bench.slot.transmit(kSendT0, kCommand), (Bytes{0x64, 0x01}));
  bench.fake.set_trouble({.chain = std::uint8_t{2}});
  EXPECT_EQ(bench.slot.transmit(kSendT0, kCommand).error(), IFD_COMMUNICATION_ERROR);
}

TEST(Slot, RunsT1OnATpduReader) {
  T1Card card(/*uses_crc=*/false, /*ifsc=*/254, [](ByteView command) { return *echo(command); });
  Bench bench({.level = ExchangeLevel::tpdu});
  bench.insert_and_power(kT1Atr, [&card](ByteView block) -> std::optional<Bytes> {
    T1Reply reply = card.exchange(block, 1);
    if (reply.status != T1LinkStatus::received) return std::nullopt;
    return std::move(reply.block);
  });
  ASSERT_EQ(bench.slot.set_protocol(kSetT1), IFD_SUCCESS);
  EXPECT_EQ(card.ifsd(), 254);
  const Bytes command(1000, 0x33);
  EXPECT_EQ(bench.slot.transmit(kSendT1, command), *echo(command));
  // Mute once (the reader says so), asked again; wanting time, given.
  const unsigned now = card.blocks();
  card.set_faults([now](unsigned block) {
    if (block == now) return T1Fault::request_lost;
    return block == now + 2 ? T1Fault::asks_for_time : T1Fault::none;
  });
  EXPECT_EQ(bench.slot.transmit(kSendT1, kCommand), *echo(kCommand));
  EXPECT_EQ(bench.fake.seen(Command::transfer_block).back().parameters[0], T1Card::kTimeFactor);
  bench.fake.set_trouble({.error = kErrorParity});
  EXPECT_EQ(bench.slot.transmit(kSendT1, kCommand), *echo(kCommand));
  EXPECT_EQ(bench.slot.transmit(kSendRaw, kCommand).error(), IFD_PROTOCOL_NOT_SUPPORTED);
  bench.fake.remove(0);
  EXPECT_EQ(bench.slot.transmit(kSendT1, kCommand).error(), IFD_ICC_NOT_PRESENT);
}

TEST(Slot, TellsAnAbsentCardFromASilentOne) {
  Bench bench;
  bench.insert_and_power(kT0Atr, [](ByteView) { return std::nullopt; });
  EXPECT_EQ(bench.slot.transmit(kSendT0, kCommand).error(), IFD_COMMUNICATION_ERROR);
  bench.fake.remove(0);
  EXPECT_EQ(bench.slot.transmit(kSendT0, kCommand).error(), IFD_ICC_NOT_PRESENT);
}

TEST(Slot, SendsEscapeCommands) {
  Bench bench;
  EXPECT_EQ(bench.slot.escape(kCommand), kCommand);
  bench.fake.set_trouble({.error = std::uint8_t{0}});
  EXPECT_EQ(bench.slot.escape(kCommand).error(), IFD_COMMUNICATION_ERROR);
}

Bytes pin_structure() {
  Bytes bytes(19);
  bytes[7] = 2;
  bytes[15] = 5;
  append(bytes, Bytes{0x00, 0x20, 0x00, 0x01, 0x08});
  return bytes;
}

TEST(Slot, LetsTheUserEnterAPinAtTheReader) {
  Bench bench({.pin_support = 3});
  EXPECT_EQ(bench.slot.enter_pin(pin_structure(), false).error(), IFD_COMMUNICATION_ERROR);
  bench.insert_and_power(kT0Atr);
  bench.fake.set_pinpad([](ByteView) { return kOk; });
  EXPECT_EQ(bench.slot.enter_pin(pin_structure(), false), kOk);
  EXPECT_EQ(data_of(bench.fake.seen(Command::secure), 0), pin_verification(pin_structure())->data);
  bench.fake.set_trouble({.error = kErrorPinCancelled});
  EXPECT_EQ(bench.slot.enter_pin(pin_structure(), false), (Bytes{0x64, 0x01}));
  bench.fake.set_trouble({.error = kErrorPinTimeout});
  EXPECT_EQ(bench.slot.enter_pin(pin_structure(), false), (Bytes{0x64, 0x00}));
  bench.fake.set_trouble({.error = std::uint8_t{0xF5}});
  EXPECT_EQ(bench.slot.enter_pin(pin_structure(), false).error(), IFD_COMMUNICATION_ERROR);
}

TEST(Slot, CountsTheBlockAPinpadSendsOverT1) {
  T1Card card(/*uses_crc=*/false, /*ifsc=*/254, [](ByteView command) { return *echo(command); });
  Bench bench({.level = ExchangeLevel::tpdu, .features = 0x4BA, .pin_support = 1});
  bench.insert_and_power(kT1Atr, [&card](ByteView block) { return card.exchange(block, 1).block; });
  ASSERT_EQ(bench.slot.set_protocol(kSetT1), IFD_SUCCESS);
  ASSERT_EQ(bench.slot.transmit(kSendT1, kCommand), *echo(kCommand));
  // Given up at the pinpad: nothing went to the card.
  bench.fake.set_trouble({.error = kErrorPinCancelled});
  EXPECT_EQ(bench.slot.enter_pin(pin_structure(), false), (Bytes{0x64, 0x01}));
  // The reader sends prologue and APDU of its message as a block.
  bench.fake.set_pinpad([&card](ByteView message) {
    Bytes block(message.begin() + 12, message.end());
    std::uint8_t sum = 0;
    for (const std::uint8_t byte : block) sum ^= byte;
    block.push_back(sum);
    return card.exchange(block, 1).block;
  });
  EXPECT_EQ(bench.slot.enter_pin(pin_structure(), false),
            (Bytes{0x00, 0x20, 0x00, 0x01, 0x08, 0x90, 0x00}));
  EXPECT_EQ(bench.slot.transmit(kSendT1, kCommand), *echo(kCommand));
  EXPECT_EQ(card.executions(), 3U);
  EXPECT_EQ(card.resynchs(), 0U);
}

}  // namespace
}  // namespace cardea::ccid
