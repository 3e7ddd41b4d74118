// vpcd slots against a small card over loopback.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>

#include "drivers/virtual/vpcd_listener.hpp"
#include "tests/unit/drivers/virtual/test_host.hpp"

namespace cardea::virtual_reader {
namespace {

const Bytes kOff = {0};
const Bytes kOn = {1};
const Bytes kReset = {2};
const Bytes kAtrRequest = {4};
const Bytes kAtr = from_hex("3B 05 48 65 6C 6C 6F");

UniqueFd connect_loopback(unsigned port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

/// The card's end of vpcd's protocol.
class FakeVpcdCard {
 public:
  explicit FakeVpcdCard(unsigned port) : fd_(connect_loopback(port)) {}

  /// The next message; empty after a hang-up.
  Bytes receive() {
    const Bytes length = receive_exactly(2);
    return length.empty() ? Bytes()
                          : receive_exactly(static_cast<std::size_t>(length[0]) << 8U | length[1]);
  }

  void send(const Bytes& message) {
    send_raw(concat({static_cast<std::uint8_t>(message.size() >> 8U),
                     static_cast<std::uint8_t>(message.size() & 0xFFU)},
                    message));
  }

  void send_raw(const Bytes& bytes) {
    EXPECT_EQ(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  /// Lives through a power-up with this ATR.
  void answer_power_up(const Bytes& atr) {
    EXPECT_EQ(receive(), kOn);
    EXPECT_EQ(receive(), kAtrRequest);
    send(atr);
  }

  void hang_up() { fd_.reset(); }

 private:
  Bytes receive_exactly(std::size_t count) {
    Bytes bytes(count);
    const ssize_t received = ::recv(fd_.get(), bytes.data(), count, MSG_WAITALL);
    return received == static_cast<ssize_t>(count) ? bytes : Bytes();
  }

  UniqueFd fd_;
};

unsigned port_of(const OpenReader& reader, unsigned slot) {
  const std::string status = reader.execute("status");
  std::size_t at = 0;
  for (unsigned i = 0; i <= slot; ++i) at = status.find("port=", at + 1);
  EXPECT_NE(at, std::string::npos) << status;
  return static_cast<unsigned>(std::stoul(status.substr(at + 5)));
}

/// Runs the card's part while the host powers up.
Reply power_with(FakeVpcdCard& card, DWORD lun, const Bytes& atr) {
  std::future<Reply> reply = std::async(std::launch::async, [lun] { return power(lun); });
  card.answer_power_up(atr);
  return reply.get();
}

TEST(Vpcd, PlugsACardInByConnecting) {
  const OpenReader reader(0, "virtual:slots=2:vpcd=0", 2);
  EXPECT_NE(port_of(reader, 0), port_of(reader, 1));
  EXPECT_EQ(IFDHICCPresence(reader.lun(0)), IFD_ICC_NOT_PRESENT);
  FakeVpcdCard card(port_of(reader, 1));
  EXPECT_TRUE(wait_for_presence(reader.lun(1), IFD_ICC_PRESENT));
  EXPECT_EQ(IFDHICCPresence(reader.lun(0)), IFD_ICC_NOT_PRESENT);
  card.hang_up();
  EXPECT_TRUE(wait_for_presence(reader.lun(1), IFD_ICC_NOT_PRESENT));
}

TEST(Vpcd, CarriesAConversation) {
  const OpenReader reader(0, "virtual:vpcd=0");
  FakeVpcdCard card(port_of(reader, 0));
  ASSERT_TRUE(wait_for_presence(reader.lun(), IFD_ICC_PRESENT));
  EXPECT_EQ(power_with(card, reader.lun(), kAtr), ok(kAtr));
  EXPECT_EQ(IFDHSetProtocolParameters(reader.lun(), 1, 0, 0, 0, 0), IFD_SUCCESS);
  EXPECT_EQ(IFDHSetProtocolParameters(reader.lun(), 2, 0, 0, 0, 0), IFD_PROTOCOL_NOT_SUPPORTED);

  std::future<Reply> reply =
      std::async(std::launch::async, [&reader] { return transmit(reader.lun(), "00 A4 04 00"); });
  EXPECT_EQ(card.receive(), from_hex("00 A4 04 00"));
  card.send(from_hex("6A82"));
  EXPECT_EQ(reply.get(), ok(from_hex("6A82")));

  reply = std::async(std::launch::async, [&reader] { return power(reader.lun(), IFD_RESET); });
  EXPECT_EQ(card.receive(), kReset);
  EXPECT_EQ(card.receive(), kAtrRequest);
  card.send(from_hex("3B 00"));
  EXPECT_EQ(reply.get(), ok(from_hex("3B 00")));

  EXPECT_EQ(power(reader.lun(), IFD_POWER_DOWN).rv, IFD_SUCCESS);
  EXPECT_EQ(card.receive(), kOff);
}

TEST(Vpcd, CarriesTheLongestMessages) {
  const OpenReader reader(0, "virtual:vpcd=0");
  FakeVpcdCard card(port_of(reader, 0));
  ASSERT_TRUE(wait_for_presence(reader.lun(), IFD_ICC_PRESENT));
  ASSERT_EQ(power_with(card, reader.lun(), kAtr).rv, IFD_SUCCESS);
  const Bytes longest = counting(kVpcdMessageBytesMax);
  std::future<Reply> reply = std::async(
      std::launch::async, [&reader, &longest] { return transmit(reader.lun(), longest); });
  EXPECT_EQ(card.receive(), longest);
  card.send(longest);
  EXPECT_EQ(reply.get(), ok(longest));
  EXPECT_EQ(transmit(reader.lun(), counting(kVpcdMessageBytesMax + 1)).rv, IFD_COMMUNICATION_ERROR);
  EXPECT_TRUE(was_logged("vpcd's protocol cannot carry a command of 65536 bytes"));
}

TEST(Vpcd, TakesAnAnswerInPieces) {
  const OpenReader reader(0, "virtual:vpcd=0");
  FakeVpcdCard card(port_of(reader, 0));
  ASSERT_TRUE(wait_for_presence(reader.lun(), IFD_ICC_PRESENT));
  ASSERT_EQ(power_with(card, reader.lun(), kAtr).rv, IFD_SUCCESS);
  std::future<Reply> reply =
      std::async(std::launch::async, [&reader] { return transmit(reader.lun(), "00 00 00 00"); });
  EXPECT_EQ(card.receive(), from_hex("00000000"));
  for (const std::uint8_t byte : from_hex("0003 AA 9000")) card.send_raw({byte});
  EXPECT_EQ(reply.get(), ok(from_hex("AA 9000")));
}

TEST(Vpcd, SendsNoCommandThatLooksLikeAControlCode) {
  const OpenReader reader(0, "virtual:vpcd=0");
  FakeVpcdCard card(port_of(reader, 0));
  ASSERT_TRUE(wait_for_presence(reader.lun(), IFD_ICC_PRESENT));
  ASSERT_EQ(power_with(card, reader.lun(), kAtr).rv, IFD_SUCCESS);
  for (const std::uint8_t byte : counting(5)) {
    EXPECT_EQ(transmit(reader.lun(), Bytes{byte}).rv, IFD_COMMUNICATION_ERROR);
  }
  EXPECT_TRUE(was_logged("would take a command of one byte for a control code"));
  EXPECT_EQ(power(reader.lun(), IFD_POWER_DOWN).rv, IFD_SUCCESS);
  EXPECT_EQ(card.receive(), kOff);  // and nothing before it
}

TEST(Vpcd, ReportsAnAnswerThatIsNoneAsAMuteCard) {
  const OpenReader reader(0, "virtual:vpcd=0");
  FakeVpcdCard card(port_of(reader, 0));
  ASSERT_TRUE(wait_for_presence(reader.lun(), IFD_ICC_PRESENT));
  for (const std::size_t length : {0U, 1U, 34U, 64U}) {
    EXPECT_EQ(power_with(card, reader.lun(), Bytes(length, 0x3B)).rv, IFD_ERROR_POWER_ACTION);
  }
  EXPECT_EQ(IFDHICCPresence(reader.lun()), IFD_ICC_PRESENT);
  EXPECT_EQ(power_with(card, reader.lun(), kAtr), ok(kAtr));
}

TEST(Vpcd, ReportsAResponseWithoutStatusWord) {
  const OpenReader reader(0, "virtual:vpcd=0");
  FakeVpcdCard card(port_of(reader, 0));
  ASSERT_TRUE(wait_for_presence(reader.lun(), IFD_ICC_PRESENT));
  ASSERT_EQ(power_with(card, reader.lun(), kAtr).rv, IFD_SUCCESS);
  std::future<Reply> reply =
      std::async(std::launch::async, [&reader] { return transmit(reader.lun(), "00 00 00 00"); });
  EXPECT_EQ(card.receive().size(), 4U);
  card.send({});
  EXPECT_EQ(reply.get().rv, IFD_COMMUNICATION_ERROR);
}

TEST(Vpcd, EndsACommandWhenTheCardHangsUp) {
  const OpenReader reader(0, "virtual:vpcd=0");
  FakeVpcdCard card(port_of(reader, 0));
  ASSERT_TRUE(wait_for_presence(reader.lun(), IFD_ICC_PRESENT));
  ASSERT_EQ(power_with(card, reader.lun(), kAtr).rv, IFD_SUCCESS);
  std::future<Reply> reply =
      std::async(std::launch::async, [&reader] { return transmit(reader.lun(), "00 00 00 00"); });
  EXPECT_EQ(card.receive().size(), 4U);
  card.hang_up();
  EXPECT_EQ(reply.get(), (Reply{IFD_ICC_NOT_PRESENT, {}, 0}));
  EXPECT_EQ(IFDHICCPresence(reader.lun()), IFD_ICC_NOT_PRESENT);
}

TEST(Vpcd, EndsACommandWhenTheCardIsTakenOut) {
  const OpenReader reader(0, "virtual:vpcd=0");
  FakeVpcdCard card(port_of(reader, 0));
  ASSERT_TRUE(wait_for_presence(reader.lun(), IFD_ICC_PRESENT));
  ASSERT_EQ(power_with(card, reader.lun(), kAtr).rv, IFD_SUCCESS);
  std::future<Reply> reply =
      std::async(std::launch::async, [&reader] { return transmit(reader.lun(), "00 00 00 00"); });
  EXPECT_EQ(card.receive().size(), 4U);
  EXPECT_EQ(IFDHICCPresence(reader.lun()), IFD_ICC_PRESENT);  // while the card thinks
  EXPECT_EQ(reader.execute("remove 0"), "ok slot 0 is empty\n");
  EXPECT_EQ(reply.get().rv, IFD_ICC_NOT_PRESENT);
  EXPECT_EQ(card.receive(), Bytes());
}

TEST(Vpcd, EndsACommandWhenItsChannelIsClosed) {
  std::unique_ptr<FakeVpcdCard> card;
  std::future<Reply> reply;
  {
    const OpenReader reader(0, "virtual:vpcd=0");
    card = std::make_unique<FakeVpcdCard>(port_of(reader, 0));
    ASSERT_TRUE(wait_for_presence(reader.lun(), IFD_ICC_PRESENT));
    ASSERT_EQ(power_with(*card, reader.lun(), kAtr).rv, IFD_SUCCESS);
    reply = std::async(std::launch::async,
                       [lun = reader.lun()] { return transmit(lun, "00 00 00 00"); });
    EXPECT_EQ(card->receive().size(), 4U);  // it runs, and will get no answer
  }
  EXPECT_EQ(reply.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_EQ(card->receive(), Bytes());
  EXPECT_EQ(reply.get().rv, IFD_ICC_NOT_PRESENT);
}

TEST(Vpcd, LetsASecondCardWaitForItsTurn) {
  const OpenReader reader(0, "virtual:vpcd=0");
  FakeVpcdCard first(port_of(reader, 0));
  ASSERT_TRUE(wait_for_presence(reader.lun(), IFD_ICC_PRESENT));
  FakeVpcdCard second(port_of(reader, 0));
  EXPECT_EQ(power_with(first, reader.lun(), kAtr), ok(kAtr));
  first.hang_up();
  ASSERT_TRUE(wait_for_presence(reader.lun(), IFD_ICC_NOT_PRESENT));
  ASSERT_TRUE(wait_for_presence(reader.lun(), IFD_ICC_PRESENT));
  EXPECT_EQ(power_with(second, reader.lun(), from_hex("3B00")), ok(from_hex("3B00")));
}

TEST(Vpcd, KeepsOtherCardsOutOfItsSlots) {
  const OpenReader reader(0, "virtual:vpcd=0");
  EXPECT_EQ(reader.execute("insert 0"), "error slot 0 takes its card from TCP port " +
                                            std::to_string(port_of(reader, 0)) + "\n");
  EXPECT_EQ(reader.execute("remove 0"), "error slot 0 is empty\n");
}

TEST(Vpcd, TellsHowMuchAnApduMayCarry) {
  const OpenReader reader(0, "virtual:vpcd=0");
  EXPECT_EQ(control(reader.lun(), 0x42330012),
            ok(from_hex("01 02 0000  09 01 00  0A 04 F6FF0000")));
}

TEST(Vpcd, SaysWhichPortIsTaken) {
  const OpenReader reader(0, "virtual:vpcd=0");
  const std::string port = std::to_string(port_of(reader, 0));
  std::string name = "virtual:vpcd=" + port;
  EXPECT_EQ(IFDHCreateChannelByName(make_lun(1, 0), name.data()), IFD_COMMUNICATION_ERROR);
  EXPECT_TRUE(was_logged("bind on 127.0.0.1:" + port + ": Address already in use"));
}

TEST(Vpcd, LeavesNothingBehindWithACardPluggedIn) {
  use_threads_once();
  const std::size_t descriptors = count_open_descriptors();
  const std::size_t threads = count_threads();
  for (int round = 0; round < 20; ++round) {
    const OpenReader reader(0, "virtual:slots=2:vpcd=0", 2);
    FakeVpcdCard card(port_of(reader, 1));
    ASSERT_TRUE(wait_for_presence(reader.lun(1), IFD_ICC_PRESENT));
  }
  EXPECT_EQ(count_open_descriptors(), descriptors);
  EXPECT_TRUE(thread_count_becomes(threads));
}

/// One vpcd slot with short time limits.
class ImpatientVpcd : public testing::Test {
 protected:
  void SetUp() override {
    slot_->open();
    Result<std::unique_ptr<VpcdListener>> listener =
        VpcdListener::create({slot_}, 0, {milliseconds(50), milliseconds(50), milliseconds(50)});
    ASSERT_TRUE(listener);
    listener_ = std::move(*listener);
  }

  void wait_until(RESPONSECODE presence) {
    while (slot_->presence() != presence) slot_->wait_event(milliseconds(kForeverMs));
  }

  const std::shared_ptr<Slot> slot_ = std::make_shared<Slot>();
  std::unique_ptr<VpcdListener> listener_;
};

TEST_F(ImpatientVpcd, DropsACardThatSendsNoAtr) {
  FakeVpcdCard card(listener_->port(0));
  wait_until(IFD_ICC_PRESENT);
  Bytes atr;
  EXPECT_THAT(slot_->power(IFD_POWER_UP, atr),
              testing::AnyOf(IFD_ERROR_POWER_ACTION, IFD_ICC_NOT_PRESENT));
  wait_until(IFD_ICC_NOT_PRESENT);
  EXPECT_EQ(card.receive(), kOn);
  EXPECT_EQ(card.receive(), kAtrRequest);
  EXPECT_EQ(card.receive(), Bytes());
  EXPECT_TRUE(was_logged("vpcd card sends no ATR, dropping its connection"));
}

TEST_F(ImpatientVpcd, DropsACardThatDoesNotFinishItsAnswer) {
  FakeVpcdCard card(listener_->port(0));
  wait_until(IFD_ICC_PRESENT);
  std::future<RESPONSECODE> powered = std::async(std::launch::async, [this] {
    Bytes atr;
    return slot_->power(IFD_POWER_UP, atr);
  });
  card.answer_power_up(kAtr);
  ASSERT_EQ(powered.get(), IFD_SUCCESS);
  card.send_raw(from_hex("0002 90"));
  Bytes response;
  EXPECT_THAT(slot_->transmit(from_hex("00000000"), response),
              testing::AnyOf(IFD_RESPONSE_TIMEOUT, IFD_ICC_NOT_PRESENT));
  wait_until(IFD_ICC_NOT_PRESENT);
  EXPECT_TRUE(was_logged("vpcd card does not answer a command, dropping its connection"));
}

TEST_F(ImpatientVpcd, DropsACardThatReadsNothing) {
  FakeVpcdCard card(listener_->port(0));
  wait_until(IFD_ICC_PRESENT);
  std::future<RESPONSECODE> powered = std::async(std::launch::async, [this] {
    Bytes atr;
    return slot_->power(IFD_POWER_UP, atr);
  });
  card.answer_power_up(kAtr);
  ASSERT_EQ(powered.get(), IFD_SUCCESS);
  // Answers in advance, so that only the full socket can end the commands.
  constexpr int kAnswers = 1000;
  for (int i = 0; i < kAnswers; ++i) card.send(from_hex("9000"));
  const Bytes command(kVpcdMessageBytesMax, 0);
  Bytes response;
  RESPONSECODE rv = IFD_SUCCESS;
  int commands = 0;
  for (; rv == IFD_SUCCESS && commands < kAnswers; ++commands) {
    rv = slot_->transmit(command, response);
  }
  EXPECT_LT(commands, kAnswers);
  EXPECT_THAT(rv, testing::AnyOf(IFD_RESPONSE_TIMEOUT, IFD_ICC_NOT_PRESENT));
  wait_until(IFD_ICC_NOT_PRESENT);
}

}  // namespace
}  // namespace cardea::virtual_reader
