#include "protocol/framer.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "protocol/codec.hpp"

namespace cardea::wire {
namespace {

std::vector<std::byte> request(std::uint32_t size, std::uint32_t command, std::size_t body) {
  std::vector<std::byte> bytes(sizeof(Header) + body);
  const Header header{size, command};
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

std::vector<std::byte> transmit_request(std::uint32_t payload, std::size_t sent) {
  auto bytes = request(sizeof(Transmit), 0x09, sizeof(Transmit) + sent);
  Transmit body{};
  body.send_bytes = payload;
  std::memcpy(bytes.data() + sizeof(Header), &body, sizeof body);
  return bytes;
}

TEST(Framer, ReturnsOneFrameAndItsLength) {
  auto bytes = request(8, 0x07, 8 + 5);
  const auto result = next_frame(newest_dialect(), bytes);
  const auto& frame = std::get<Frame>(result);
  EXPECT_EQ(frame.command, Command::begin_transaction);
  EXPECT_EQ(frame.body.size(), 8u);
  EXPECT_EQ(frame.bytes, 16u);
}

TEST(Framer, WaitsForEveryMissingByte) {
  const auto bytes = transmit_request(3, 3);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_TRUE(
        std::holds_alternative<NeedMore>(next_frame(newest_dialect(), std::span(bytes).first(cut))))
        << cut;
  }
  EXPECT_EQ(std::get<Frame>(next_frame(newest_dialect(), bytes)).payload.size(), 3u);
}

TEST(Framer, RefusesAWrongSizeFromTheHeaderAlone) {
  EXPECT_TRUE(std::holds_alternative<Malformed>(next_frame(newest_dialect(), request(7, 0x07, 0))));
  EXPECT_TRUE(std::holds_alternative<Malformed>(next_frame(newest_dialect(), request(8, 0x12, 0))));
}

TEST(Framer, TakesTheLargestPayloadAndRefusesOneByteMore) {
  EXPECT_TRUE(std::holds_alternative<Frame>(
      next_frame(newest_dialect(), transmit_request(kPayloadBytesMax, kPayloadBytesMax))));
  EXPECT_EQ(transmit_request(kPayloadBytesMax, kPayloadBytesMax).size(), kRequestBytesMax);
  EXPECT_TRUE(std::holds_alternative<Malformed>(
      next_frame(newest_dialect(), transmit_request(kPayloadBytesMax + 1, 0))));
}

TEST(Framer, RefusesAttributesLongerThanTheField) {
  auto bytes = request(sizeof(Attribute), 0x0F, sizeof(Attribute));
  Attribute body{};
  body.bytes = 265;
  std::memcpy(bytes.data() + sizeof(Header), &body, sizeof body);
  EXPECT_TRUE(std::holds_alternative<Malformed>(next_frame(newest_dialect(), bytes)));
}

}  // namespace
}  // namespace cardea::wire
