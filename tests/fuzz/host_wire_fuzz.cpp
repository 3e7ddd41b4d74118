// Whatever a driver host says to the daemon, or somebody to a host: a message within all limits, of
// which nothing is lost (encoded again it is the same), or nothing at all. A host cannot speak
// with the daemon's voice.
#include <algorithm>

#include "base/assert.hpp"
#include "drivers/hosted/host_wire.hpp"
#include "tests/fuzz/input.hpp"

namespace {

using namespace cardea::host_wire;
using View = std::span<const std::byte>;

template <typename Encoded>
void expect_same(const Encoded& encoded, View message) {
  CARDEA_ASSERT(std::equal(encoded.begin(), encoded.end(), message.begin()));
}

void check_reply(View message, const Request& request) {
  const auto reply = decode_reply(message, message.size(), request);
  if (!reply) return;
  CARDEA_ASSERT(reply->kind == request.kind && reply->number == request.number);
  CARDEA_ASSERT(reply->bytes == message.size() - kReplyBytes);
  CARDEA_ASSERT(reply->bytes <= request.room && reply->bytes <= payload_max(request));
  expect_same(encode(*reply), message);
}

void check_request(View message) {
  const auto request = decode_request(message, message.size());
  if (!request) return;
  CARDEA_ASSERT(request->bytes == message.size() - kRequestBytes);
  CARDEA_ASSERT(request->room <= kDataBytesMax && payload_max(*request) <= kDataBytesMax);
  expect_same(encode(*request), message);
  // An answer of its own making is taken, whatever room there is.
  Reply reply;
  reply.kind = request->kind;
  reply.number = request->number;
  CARDEA_ASSERT(decode_reply(encode(reply), kReplyBytes, *request) == reply);
}

void check_log(View message) {
  using cardea::log::Event;
  const auto record = decode_log(message);
  if (!record) return;
  CARDEA_ASSERT(message.size() <= kLogBytesMax && record->fields.size() <= kLogFieldsMax);
  CARDEA_ASSERT(record->event == Event::none || record->event == Event::driver_message ||
                record->event == Event::driver_exception ||
                record->event == Event::driver_incomplete);
  const auto again = decode_log(encode_log(*record));
  CARDEA_ASSERT(again && again->text == record->text && again->fields == record->fields);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const View message = std::as_bytes(std::span(data, size));
  check_request(message);
  check_log(message);
  if (const auto order = decode_order(message)) expect_same(encode(*order), message);
  if (const auto report = decode_report(message)) expect_same(encode(*report), message);
  // A request of the daemon, and what the host says to it.
  if (size <= kRequestBytes) return 0;
  Request request;
  if (const auto asked = decode_request(message, kRequestBytes)) request = *asked;
  check_reply(message.subspan(kRequestBytes), request);
  return 0;
}
