#include "drivers/hosted/host_wire.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace cardea::host_wire {
namespace {

using testing::ElementsAre;
using testing::Pair;
using testing::SizeIs;

constexpr std::array kKinds{
    Kind::load,           Kind::slot,           Kind::stop,         Kind::open,     Kind::close,
    Kind::presence,       Kind::power,          Kind::set_protocol, Kind::transmit, Kind::control,
    Kind::get_capability, Kind::set_capability, Kind::wait};

Request transmit_request() {
  Request request;
  request.kind = Kind::transmit;
  request.number = 0x01020304;
  request.level = log::Level::error;
  request.lun = 0x30001;
  request.room = 258;
  request.bytes = 5;
  request.send_pci = {1, 16};
  request.recv_pci = {0xFFFFFFFFFFFFFFFF, 3};
  return request;
}

Reply transmit_reply() {
  Reply reply;
  reply.kind = Kind::transmit;
  reply.number = 0x01020304;
  reply.rv = -5;
  reply.length = 300;
  reply.bytes = 258;
  reply.recv_pci = {2, 4};
  return reply;
}

TEST(HostWire, ARequestComesOutAsItWentIn) {
  const Request request = transmit_request();
  EXPECT_EQ(decode_request(encode(request), kRequestBytes + 5), request);
  for (const Kind kind : kKinds) {
    Request empty;
    empty.kind = kind;
    EXPECT_EQ(decode_request(encode(empty), kRequestBytes), empty);
  }
}

TEST(HostWire, AnAnswerComesOutAsItWentIn) {
  const Reply reply = transmit_reply();
  EXPECT_EQ(decode_reply(encode(reply), kReplyBytes + 258, transmit_request()), reply);
}

TEST(HostWire, ARequestOfAnotherLengthIsRefused) {
  const RequestBytes bytes = encode(transmit_request());
  EXPECT_FALSE(decode_request(bytes, kRequestBytes + 4));
  EXPECT_FALSE(decode_request(bytes, kRequestBytes + 6));
  EXPECT_FALSE(decode_request(bytes, kRequestBytes - 1));
  EXPECT_FALSE(decode_request(std::span(bytes).first(kRequestBytes - 1), kRequestBytes + 5));
  EXPECT_FALSE(decode_request({}, 0));
}

TEST(HostWire, ARequestWithWhatItsKindDoesNotHaveIsRefused) {
  Request request;
  request.kind = static_cast<Kind>(14);
  EXPECT_FALSE(decode_request(encode(request), kRequestBytes));
  request.kind = static_cast<Kind>(0);
  EXPECT_FALSE(decode_request(encode(request), kRequestBytes));
  request.kind = Kind::presence;
  request.bytes = 1;
  EXPECT_FALSE(decode_request(encode(request), kRequestBytes + 1));
  request = {};
  request.kind = Kind::power;
  request.argument = 3;
  EXPECT_FALSE(decode_request(encode(request), kRequestBytes));
  request = {};
  request.kind = Kind::wait;
  request.argument = kWaitMsMax + 1;
  EXPECT_FALSE(decode_request(encode(request), kRequestBytes));
  request = transmit_request();
  request.bytes = kDataBytesMax + 1;
  EXPECT_FALSE(decode_request(encode(request), kRequestBytes + request.bytes));
  request = transmit_request();
  request.room = kDataBytesMax + 1;
  EXPECT_FALSE(decode_request(encode(request), kRequestBytes + 5));
  request = transmit_request();
  request.level = static_cast<log::Level>(5);
  EXPECT_FALSE(decode_request(encode(request), kRequestBytes + 5));
}

TEST(HostWire, AnAnswerToSomethingElseIsRefused) {
  const Request request = transmit_request();
  Reply reply = transmit_reply();
  ++reply.number;
  EXPECT_FALSE(decode_reply(encode(reply), kReplyBytes + 258, request));
  reply = transmit_reply();
  reply.kind = Kind::control;
  EXPECT_FALSE(decode_reply(encode(reply), kReplyBytes + 258, request));
}

TEST(HostWire, AnAnswerBeyondTheRoomIsRefused) {
  const Request request = transmit_request();
  Reply reply = transmit_reply();
  reply.bytes = 259;
  EXPECT_FALSE(decode_reply(encode(reply), kReplyBytes + 259, request));
  reply = transmit_reply();
  reply.length = 257;  // more bytes than the driver has
  EXPECT_FALSE(decode_reply(encode(reply), kReplyBytes + 258, request));
  reply = transmit_reply();
  reply.flags = 8;
  EXPECT_FALSE(decode_reply(encode(reply), kReplyBytes + 258, request));
  EXPECT_FALSE(decode_reply(encode(transmit_reply()), kReplyBytes + 257, request));
  EXPECT_FALSE(decode_reply(encode(transmit_reply()), kReplyBytes - 1, request));
}

TEST(HostWire, ALogRecordComesOutAsItWentIn) {
  const log::Record record{log::Level::error,
                           "the driver says so",
                           {{"LUN", "65536"}, {"EMPTY", ""}},
                           log::Event::driver_exception};
  const auto back = decode_log(encode_log(record));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->level, record.level);
  EXPECT_EQ(back->text, record.text);
  EXPECT_EQ(back->event, record.event);
  EXPECT_THAT(back->fields, ElementsAre(Pair("LUN", "65536"), Pair("EMPTY", "")));
}

TEST(HostWire, ADriverCannotSpeakForTheDaemon) {
  const auto forged =
      decode_log(encode_log({log::Level::info, "stopping", {}, log::Event::service_stopping}));
  ASSERT_TRUE(forged);
  EXPECT_EQ(forged->event, log::Event::none);
  EXPECT_FALSE(
      decode_log(encode_log({log::Level::info, "x", {{"reader", "x"}}, log::Event::none})));
}

TEST(HostWire, ALogRecordThatIsTooLongIsCut) {
  log::Record record{log::Level::info, std::string(2 * kLogBytesMax, 'x'), {}, log::Event::none};
  record.fields.assign(kLogFieldsMax + 1, {"FIELD", "value"});
  const auto message = encode_log(record);
  EXPECT_THAT(message, SizeIs(kLogBytesMax));
  EXPECT_TRUE(decode_log(message));
  record.text = "short";
  const auto back = decode_log(encode_log(record));
  ASSERT_TRUE(back);
  EXPECT_THAT(back->fields, SizeIs(kLogFieldsMax));
}

TEST(HostWire, OrdersAndReportsOfTheKeeperComeOutAsTheyWentIn) {
  const auto order = decode_order(encode(KeeperOrder{KeeperOrder::Kind::kill, 0x0102030405060708}));
  ASSERT_TRUE(order);
  EXPECT_EQ(order->kind, KeeperOrder::Kind::kill);
  EXPECT_EQ(order->host, 0x0102030405060708u);
  const auto report = decode_report(encode(KeeperReport{KeeperReport::Kind::killed, 7, 11}));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->kind, KeeperReport::Kind::killed);
  EXPECT_EQ(report->host, 7u);
  EXPECT_EQ(report->value, 11u);
  EXPECT_FALSE(decode_order(encode(KeeperOrder{static_cast<KeeperOrder::Kind>(3), 0})));
  EXPECT_FALSE(decode_report(encode(KeeperReport{static_cast<KeeperReport::Kind>(0), 0, 0})));
  EXPECT_FALSE(decode_order({}));
  EXPECT_FALSE(decode_report({}));
}

/// Whatever comes is refused or within its limits.
TEST(HostWire, NoiseIsRefusedOrWithinItsLimits) {
  std::mt19937 random(1);
  std::vector<std::byte> noise(kLogBytesMax);
  for (int round = 0; round < 20'000; ++round) {
    const std::size_t size = random() % 128;
    for (std::size_t i = 0; i < size; ++i) {
      // Small numbers, so that some of it is nearly right.
      noise[i] = static_cast<std::byte>(random() % 4 == 0 ? random() % 16 : 0);
    }
    const auto bytes = std::span(noise).first(size);
    if (const auto request = decode_request(bytes, size)) {
      EXPECT_EQ(request->bytes, size - kRequestBytes);
      EXPECT_LE(request->room, kDataBytesMax);
    }
    if (const auto reply = decode_reply(bytes, size, transmit_request())) {
      EXPECT_LE(reply->bytes, 258u);
    }
    if (const auto record = decode_log(bytes)) {
      EXPECT_LE(record->fields.size(), kLogFieldsMax);
    }
    (void)decode_order(bytes);
    (void)decode_report(bytes);
  }
}

}  // namespace
}  // namespace cardea::host_wire
