// Contexts, readers and cards through the exported functions: arguments, buffers, results.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <cstring>

#include "client_test.hpp"

namespace cardea {
namespace {

using test::FakeAnswer;
using test::FakeDaemon;
using test::FakeRequest;
using test::kReader;
using wire::Command;

class Winscard : public testing::Test {
 protected:
  Winscard() : Winscard(test::one_reader()) {}
  explicit Winscard(FakeDaemon::Options options) : daemon_(std::move(options)) {
    test::use_daemon(daemon_);
    context_ = test::establish_context();
  }
  ~Winscard() override {
    if (SCardIsValidContext(context_) == SCARD_S_SUCCESS) SCardReleaseContext(context_);
  }

  FakeDaemon daemon_;
  SCARDCONTEXT context_ = 0;
};

TEST(WinscardWithoutDaemon, ChecksTheServiceBeforeThePointer) {
  library().set_environment_for_test({"/nowhere/socket", false, true});
  EXPECT_EQ(SCardEstablishContext(2, nullptr, nullptr, nullptr), SCARD_E_NO_SERVICE);
  SCARDCONTEXT context = 5;
  EXPECT_EQ(SCardEstablishContext(2, nullptr, nullptr, &context), SCARD_E_NO_SERVICE);
  EXPECT_EQ(context, 0);  // COMPAT: pcsc-lite leaves it untouched
}

TEST(WinscardWithoutDaemon, KnowsNoContext) {
  DWORD length = 44;
  EXPECT_EQ(SCardIsValidContext(0), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(SCardReleaseContext(77), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(SCardCancel(77), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(SCardFreeMemory(77, nullptr), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(SCardListReaders(77, nullptr, nullptr, nullptr), SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(SCardListReaders(77, nullptr, nullptr, &length), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(SCardListReaderGroups(77, nullptr, &length), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(length, 44u);
}

TEST(WinscardWithoutDaemon, ChecksCardArgumentsInOrder) {
  DWORD length = 44;
  DWORD protocol = 0;
  BYTE byte = 0;
  SCARDHANDLE card = 5;
  EXPECT_EQ(SCardConnect(77, kReader, 2, 3, nullptr, &protocol), SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(SCardConnect(77, kReader, 2, 3, &card, nullptr), SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(card, 5);
  EXPECT_EQ(SCardConnect(77, nullptr, 2, 3, &card, &protocol), SCARD_E_UNKNOWN_READER);
  EXPECT_EQ(card, 0);
  EXPECT_EQ(SCardConnect(77, std::string(129, 'L').c_str(), 2, 3, &card, &protocol),
            SCARD_E_INVALID_VALUE);
  EXPECT_EQ(SCardConnect(77, std::string(128, 'L').c_str(), 2, 3, &card, &protocol),
            SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(SCardReconnect(7, 2, 3, 0, nullptr), SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(SCardReconnect(7, 2, 3, 0, &protocol), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(SCardDisconnect(7, 99), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(SCardBeginTransaction(7), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(SCardEndTransaction(7, 99), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(SCardGetAttrib(7, 0, nullptr, nullptr), SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(SCardGetAttrib(7, 0, &byte, &length), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(length, 44u);
  EXPECT_EQ(SCardSetAttrib(7, 0, nullptr, 1), SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(SCardSetAttrib(7, 0, &byte, 0), SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(SCardSetAttrib(7, 0, &byte, 1), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(SCardTransmit(7, nullptr, &byte, 1, nullptr, &byte, &length),
            SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(SCardTransmit(7, SCARD_PCI_T0, &byte, 1, nullptr, &byte, nullptr),
            SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(length, 44u);
  EXPECT_EQ(SCardTransmit(7, SCARD_PCI_T0, &byte, 1, nullptr, &byte, &length),
            SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(length, 0u);
}

TEST(WinscardWithoutDaemon, ClearsStatusResultsBeforeAnyCheck) {
  DWORD name_length = 9;
  DWORD state = 9;
  DWORD protocol = 9;
  DWORD atr_length = 9;
  EXPECT_EQ(SCardStatus(0, nullptr, &name_length, &state, &protocol, nullptr, &atr_length),
            SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(name_length + state + protocol + atr_length, 0u);
}

TEST_F(Winscard, EstablishesAndReleases) {
  EXPECT_EQ(SCardIsValidContext(context_), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardEstablishContext(2, nullptr, nullptr, nullptr), SCARD_E_INVALID_PARAMETER);
  SCARDCONTEXT wrong = 5;
  EXPECT_EQ(SCardEstablishContext(4, nullptr, nullptr, &wrong), SCARD_E_INVALID_VALUE);
  EXPECT_EQ(wrong, 0);
  const SCARDHANDLE card = test::connect_card(context_);
  EXPECT_EQ(SCardReleaseContext(context_), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardReleaseContext(context_), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(SCardBeginTransaction(card), SCARD_E_INVALID_HANDLE);
}

TEST_F(Winscard, GivesNoNumberTwice) {
  FakeDaemon::Options options;
  options.hook = [used = static_cast<std::uint32_t>(context_)](
                     const FakeRequest& request) -> std::optional<FakeAnswer> {
    if (request.command != Command::establish_context) return std::nullopt;
    return FakeAnswer{test::to_bytes(wire::Establish{2, used, 0})};
  };
  FakeDaemon repeating(options);
  test::use_daemon(repeating);
  const SCARDCONTEXT other = test::establish_context();
  EXPECT_NE(other, context_);
  EXPECT_EQ(SCardReleaseContext(other), SCARD_S_SUCCESS);
  EXPECT_EQ(repeating.seen(Command::release_context), 1);
  EXPECT_EQ(SCardIsValidContext(context_), SCARD_S_SUCCESS);
}

TEST_F(Winscard, GivesUpOnADaemonThatGivesNoNumber) {
  FakeDaemon::Options options;
  options.hook = [](const FakeRequest& request) -> std::optional<FakeAnswer> {
    if (request.command != Command::establish_context) return std::nullopt;
    return FakeAnswer{test::to_bytes(wire::Establish{2, 0, 0})};
  };
  FakeDaemon zero(options);
  test::use_daemon(zero);
  SCARDCONTEXT other = 0;
  EXPECT_EQ(SCardEstablishContext(2, nullptr, nullptr, &other), SCARD_F_COMM_ERROR);
}

TEST_F(Winscard, ListsReaders) {
  daemon_.set_readers({test::slot("A", test::kCardOut), test::slot("B", test::kCardIn)}, 2);
  DWORD length = 0;
  EXPECT_EQ(SCardListReaders(context_, "unknown group", nullptr, &length), SCARD_S_SUCCESS);
  EXPECT_EQ(length, 5u);
  std::array<char, 8> names{};
  length = 4;
  EXPECT_EQ(SCardListReaders(context_, nullptr, names.data(), &length),
            SCARD_E_INSUFFICIENT_BUFFER);
  EXPECT_EQ(length, 5u);
  EXPECT_EQ(names[0], '\0');
  length = names.size();
  EXPECT_EQ(SCardListReaders(context_, nullptr, names.data(), &length), SCARD_S_SUCCESS);
  EXPECT_EQ(std::string(names.data(), length), std::string("A\0B\0\0", 5));
  char* allocated = nullptr;
  length = SCARD_AUTOALLOCATE;
  EXPECT_EQ(SCardListReaders(context_, nullptr, reinterpret_cast<LPSTR>(&allocated), &length),
            SCARD_S_SUCCESS);
  EXPECT_STREQ(allocated, "A");
  EXPECT_EQ(SCardFreeMemory(context_, allocated), SCARD_S_SUCCESS);
  length = SCARD_AUTOALLOCATE;
  EXPECT_EQ(SCardListReaders(context_, nullptr, nullptr, &length), SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(length, 5u);
}

TEST_F(Winscard, ListsReadersInOneRoundTrip) {
  DWORD length = 0;
  daemon_.forget_reads();
  EXPECT_EQ(SCardListReaders(context_, nullptr, nullptr, &length), SCARD_S_SUCCESS);
  EXPECT_EQ(daemon_.reads(),
            (std::vector<std::vector<Command>>{
                {Command::get_readers_state_size, Command::get_readers_state_array}}));
}

TEST_F(Winscard, FindsNoReaders) {
  daemon_.set_readers({}, 1);
  char* allocated = nullptr;
  DWORD length = SCARD_AUTOALLOCATE;
  EXPECT_EQ(SCardListReaders(context_, nullptr, reinterpret_cast<LPSTR>(&allocated), &length),
            SCARD_E_NO_READERS_AVAILABLE);
  EXPECT_EQ(length, 1u);
  EXPECT_EQ(allocated, nullptr);
}

TEST_F(Winscard, SaysZeroReadersWhenTheDaemonIsGone) {
  library().set_environment_for_test({daemon_.path(), false, /*reattaches=*/false});
  daemon_.hang_up();
  DWORD length = 44;
  EXPECT_NE(SCardListReaders(context_, nullptr, nullptr, &length), SCARD_S_SUCCESS);
  EXPECT_EQ(length, 0u);
  EXPECT_EQ(SCardListReaders(context_, nullptr, nullptr, &length), SCARD_E_NO_SERVICE);
  EXPECT_EQ(SCardIsValidContext(context_), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardReleaseContext(context_), SCARD_E_NO_SERVICE);
  EXPECT_EQ(SCardIsValidContext(context_), SCARD_E_INVALID_HANDLE);
}

TEST_F(Winscard, ListsOneReaderGroup) {
  EXPECT_EQ(SCardListReaderGroups(context_, nullptr, nullptr), SCARD_E_INVALID_PARAMETER);
  std::array<char, 22> groups{};
  DWORD length = 21;
  EXPECT_EQ(SCardListReaderGroups(context_, groups.data(), &length), SCARD_E_INSUFFICIENT_BUFFER);
  EXPECT_EQ(length, 22u);
  EXPECT_EQ(SCardListReaderGroups(context_, groups.data(), &length), SCARD_S_SUCCESS);
  EXPECT_EQ(std::string(groups.data(), 22), std::string("SCard$DefaultReaders\0\0", 22));
}

TEST_F(Winscard, TransmitsWithOneWriteAndOneRead) {
  const SCARDHANDLE card = test::connect_card(context_);
  const std::array<BYTE, 4> command{0, 0xB0, 0, 0};
  std::array<BYTE, 300> response{};
  DWORD length = response.size();
  SCARD_IO_REQUEST pci{77, 88};
  const auto before = test::socket_calls();
  EXPECT_EQ(SCardTransmit(card, SCARD_PCI_T1, command.data(), command.size(), &pci, response.data(),
                          &length),
            SCARD_S_SUCCESS);
  EXPECT_EQ(test::socket_calls().sends - before.sends, 1);
  EXPECT_EQ(test::socket_calls().receives - before.receives, 1);
  EXPECT_EQ(length, command.size());
  EXPECT_EQ(std::memcmp(response.data(), command.data(), command.size()), 0);
  EXPECT_EQ(pci.dwProtocol, 77u);
}

TEST_F(Winscard, TransmitsTheLargestCommandAndNoLarger) {
  const SCARDHANDLE card = test::connect_card(context_);
  std::vector<BYTE> buffer(wire::kPayloadBytesMax + 1000);
  for (std::size_t i = 0; i < buffer.size(); ++i) buffer[i] = static_cast<BYTE>(i * 7);
  const std::vector<BYTE> command = buffer;
  DWORD length = buffer.size();
  // The answer may replace the command in the same buffer.
  EXPECT_EQ(SCardTransmit(card, SCARD_PCI_T1, buffer.data(), wire::kPayloadBytesMax, nullptr,
                          buffer.data(), &length),
            SCARD_S_SUCCESS);
  EXPECT_EQ(length, wire::kPayloadBytesMax);
  EXPECT_EQ(buffer, command);
  length = 44;
  EXPECT_EQ(SCardTransmit(card, SCARD_PCI_T1, buffer.data(), wire::kPayloadBytesMax + 1, nullptr,
                          buffer.data(), &length),
            SCARD_E_INSUFFICIENT_BUFFER);
  EXPECT_EQ(length, 44u);
}

TEST_F(Winscard, ControlNeedsNoBuffers) {
  const SCARDHANDLE card = test::connect_card(context_);
  DWORD returned = 44;
  EXPECT_EQ(SCardControl(card, 1, nullptr, 0, nullptr, 0, &returned), SCARD_S_SUCCESS);
  EXPECT_EQ(returned, 0u);
  EXPECT_EQ(SCardControl(card, 1, nullptr, 0, nullptr, 0, nullptr), SCARD_S_SUCCESS);
  // COMPAT: room without a buffer would be written to with pcsc-lite.
  EXPECT_EQ(SCardControl(card, 1, nullptr, 0, nullptr, 10, &returned), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardControl(card, 1, nullptr, 3, nullptr, 0, &returned), SCARD_E_INVALID_PARAMETER);
  std::array<BYTE, 3> data{1, 2, 3};
  EXPECT_EQ(SCardControl(card, 1, data.data(), 3, data.data(), 3, &returned), SCARD_S_SUCCESS);
  EXPECT_EQ(returned, 3u);
}

TEST_F(Winscard, ReadsAttributesIntoAnyBuffer) {
  const SCARDHANDLE card = test::connect_card(context_);
  DWORD length = 0;
  EXPECT_EQ(SCardGetAttrib(card, 1, nullptr, &length), SCARD_S_SUCCESS);
  EXPECT_EQ(length, 5u);
  std::array<BYTE, 300> value{};
  length = value.size();  // COMPAT: more than 264 is too much for pcsc-lite
  EXPECT_EQ(SCardGetAttrib(card, 1, value.data(), &length), SCARD_S_SUCCESS);
  EXPECT_EQ(value[0], 0x3B);
  length = 1;
  value[0] = 0;
  EXPECT_EQ(SCardGetAttrib(card, 1, value.data(), &length), SCARD_E_INSUFFICIENT_BUFFER);
  EXPECT_EQ(length, 5u);
  EXPECT_EQ(value[0], 0x3B);
  BYTE* allocated = nullptr;
  length = SCARD_AUTOALLOCATE;
  EXPECT_EQ(SCardGetAttrib(card, 1, reinterpret_cast<LPBYTE>(&allocated), &length),
            SCARD_S_SUCCESS);
  ASSERT_NE(allocated, nullptr);
  EXPECT_EQ(allocated[0], 0x3B);
  EXPECT_EQ(SCardFreeMemory(context_, allocated), SCARD_S_SUCCESS);
  length = SCARD_AUTOALLOCATE;
  EXPECT_EQ(SCardGetAttrib(77, 1, reinterpret_cast<LPBYTE>(&allocated), &length),
            SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(allocated, nullptr);  // COMPAT: pcsc-lite leaves a block
  EXPECT_EQ(SCardSetAttrib(card, 1, value.data(), 264), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardSetAttrib(card, 1, value.data(), 265), SCARD_E_INSUFFICIENT_BUFFER);
}

TEST_F(Winscard, TellsTheStatusInOneRoundTrip) {
  const SCARDHANDLE card = test::connect_card(context_);
  std::array<char, 64> name{};
  std::array<BYTE, 33> atr{};
  DWORD name_length = name.size();
  DWORD atr_length = atr.size();
  DWORD state = 0;
  DWORD protocol = 0;
  daemon_.forget_reads();
  EXPECT_EQ(
      SCardStatus(card, name.data(), &name_length, &state, &protocol, atr.data(), &atr_length),
      SCARD_S_SUCCESS);
  EXPECT_EQ(daemon_.reads().size(), 1u);
  EXPECT_STREQ(name.data(), kReader);
  EXPECT_EQ(name_length, std::strlen(kReader) + 1);
  EXPECT_EQ(state, 0x50034u);
  EXPECT_EQ(protocol, DWORD{SCARD_PROTOCOL_T1});
  EXPECT_EQ(atr_length, 3u);
  EXPECT_EQ(atr[0], 0x3B);
  EXPECT_EQ(SCardStatus(card, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr),
            SCARD_S_SUCCESS);
}

TEST_F(Winscard, StatusCutsTextAndAtrIndependently) {
  const SCARDHANDLE card = test::connect_card(context_);
  std::array<char, 64> name{};
  std::array<BYTE, 33> atr{};
  DWORD name_length = 4;
  DWORD atr_length = 33;
  EXPECT_EQ(SCardStatus(card, name.data(), &name_length, nullptr, nullptr, atr.data(), &atr_length),
            SCARD_E_INSUFFICIENT_BUFFER);
  EXPECT_STREQ(name.data(), "Fake");
  EXPECT_EQ(name_length, 18u);
  EXPECT_EQ(atr[0], 0x3B);
  name_length = SCARD_AUTOALLOCATE;
  EXPECT_EQ(SCardStatus(card, nullptr, &name_length, nullptr, nullptr, nullptr, nullptr),
            SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(name_length, 18u);
}

TEST_F(Winscard, StatusNoticesAVanishedReader) {
  const SCARDHANDLE card = test::connect_card(context_);
  daemon_.set_readers({}, 2);
  DWORD state = 9;
  EXPECT_EQ(SCardStatus(card, nullptr, nullptr, &state, nullptr, nullptr, nullptr),
            SCARD_E_READER_UNAVAILABLE);
  EXPECT_EQ(state, 0u);
}

TEST_F(Winscard, RefusesACardHandleThatCannotBe) {
  FakeDaemon::Options options = test::one_reader();
  options.hook = [](const FakeRequest& request) -> std::optional<FakeAnswer> {
    if (request.command != Command::connect) return std::nullopt;
    wire::Connect message{};
    message.card = -1;
    return FakeAnswer{test::to_bytes(message)};
  };
  FakeDaemon confused(options);
  test::use_daemon(confused);
  const SCARDCONTEXT other = test::establish_context();
  SCARDHANDLE card = 5;
  DWORD protocol = 0;
  EXPECT_EQ(SCardConnect(other, kReader, 2, 3, &card, &protocol), SCARD_F_COMM_ERROR);
  EXPECT_EQ(card, 0);
  EXPECT_EQ(SCardReleaseContext(other), SCARD_S_SUCCESS);
}

TEST_F(Winscard, HasNoHandleFromADaemonThatRefusesTheCard) {
  FakeDaemon::Options options = test::one_reader();
  options.hook = [](const FakeRequest& request) -> std::optional<FakeAnswer> {
    if (request.command != Command::connect) return std::nullopt;
    wire::Connect message{};
    message.card = -1;  // as pcsc-lite's daemon when polkit says no
    message.active_protocol = 0xFFFFFFFF;
    message.rv = static_cast<std::uint32_t>(SCARD_W_SECURITY_VIOLATION);
    return FakeAnswer{test::to_bytes(message)};
  };
  FakeDaemon refusing(options);
  test::use_daemon(refusing);
  const SCARDCONTEXT other = test::establish_context();
  SCARDHANDLE card = 5;
  DWORD protocol = 5;
  EXPECT_EQ(SCardConnect(other, kReader, 2, 3, &card, &protocol), SCARD_W_SECURITY_VIOLATION);
  EXPECT_EQ(card, 0);
  EXPECT_EQ(protocol, 0u);
  EXPECT_EQ(SCardReleaseContext(other), SCARD_S_SUCCESS);
}

TEST_F(Winscard, KeepsAHandleWhoseDisconnectFailed) {
  FakeDaemon::Options options = test::one_reader();
  options.hook = [](const FakeRequest& request) -> std::optional<FakeAnswer> {
    if (request.command != Command::disconnect) return std::nullopt;
    const bool valid = request.body[4] == std::byte{0};
    return FakeAnswer{
        test::to_bytes(wire::Disconnect{0, 0, valid ? 0 : to_wire(ScardRv::invalid_value)})};
  };
  FakeDaemon strict(options);
  test::use_daemon(strict);
  const SCARDCONTEXT other = test::establish_context();
  const SCARDHANDLE card = test::connect_card(other);
  EXPECT_EQ(SCardDisconnect(card, 9), SCARD_E_INVALID_VALUE);
  EXPECT_EQ(SCardDisconnect(card, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardDisconnect(card, SCARD_LEAVE_CARD), SCARD_E_INVALID_HANDLE);
  EXPECT_EQ(SCardReleaseContext(other), SCARD_S_SUCCESS);
}

TEST(WinscardDribble, WorksWithAnswersByteByByteInEveryDialect) {
  for (const int minor : {3, 4, 5, 6}) {
    FakeDaemon::Options options = test::one_reader();
    options.dribbles = true;
    options.minors = {minor};
    options.own_minor = minor;
    FakeDaemon daemon(options);
    test::use_daemon(daemon);
    const SCARDCONTEXT context = test::establish_context();
    const SCARDHANDLE card = test::connect_card(context);
    const std::array<BYTE, 4> command{1, 2, 3, 4};
    std::array<BYTE, 8> response{};
    DWORD length = response.size();
    EXPECT_EQ(
        SCardTransmit(card, SCARD_PCI_T1, command.data(), 4, nullptr, response.data(), &length),
        SCARD_S_SUCCESS);
    EXPECT_EQ(length, 4u);
    SCARD_READERSTATE state = test::entry(kReader, SCARD_STATE_EMPTY);
    EXPECT_EQ(SCardGetStatusChange(context, 1000, &state, 1), SCARD_S_SUCCESS);
    EXPECT_EQ(state.dwEventState, 0x50000u | SCARD_STATE_PRESENT | SCARD_STATE_CHANGED);
    EXPECT_EQ(state.cbAtr, 3u);
    state.dwCurrentState = SCARD_STATE_PRESENT;
    EXPECT_EQ(SCardGetStatusChange(context, 1, &state, 1), SCARD_E_TIMEOUT);
    EXPECT_EQ(SCardStatus(card, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr),
              SCARD_S_SUCCESS);
    EXPECT_EQ(SCardReleaseContext(context), SCARD_S_SUCCESS);
  }
}

}  // namespace
}  // namespace cardea
