#include "drivers/ccid/t1_protocol.hpp"

#include <gtest/gtest.h>

#include <map>

#include "tests/unit/drivers/ccid/t1_card.hpp"

namespace cardea::ccid {
namespace {

Bytes pattern(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = low_byte(i * 7 + i / 256);
  return bytes;
}

Bytes echo(ByteView command) {
  Bytes response(command.begin(), command.end());
  response.insert(response.end(), {0x90, 0x00});
  return response;
}

T1Card::Faults at_blocks(std::map<unsigned, T1Fault> faults) {
  return [faults = std::move(faults)](unsigned block) {
    const auto found = faults.find(block);
    return found == faults.end() ? T1Fault::none : found->second;
  };
}

struct Line {
  explicit Line(std::uint8_t ifsc = 32, bool uses_crc = false)
      : card(uses_crc, ifsc, echo), protocol(T1Settings{uses_crc, ifsc, 259}) {}

  void expect_echo(std::size_t bytes) {
    const Bytes command = pattern(bytes);
    const IfdResult<Bytes> response = protocol.transceive(command, card.link());
    ASSERT_TRUE(response.has_value()) << response.error();
    EXPECT_EQ(*response, echo(command));
    EXPECT_FALSE(card.was_overrun());
  }

  T1Card card;
  T1Protocol protocol;
};

TEST(T1Protocol, ExchangesShortCommandsOneAfterTheOther) {
  Line line;
  for (std::size_t bytes = 1; bytes < 12; ++bytes) line.expect_echo(bytes);
  EXPECT_EQ(line.card.blocks(), 11U);
}

TEST(T1Protocol, ChainsCommandAndResponse) {
  Line line(/*ifsc=*/32);
  line.expect_echo(100);
  // 4 blocks there, and 102 bytes back in blocks of 32.
  EXPECT_EQ(line.card.blocks(), 4U + 3U);
  EXPECT_EQ(line.card.longest_inf(), 32U);
  line.expect_echo(3000);
}

TEST(T1Protocol, UsesTheChecksumOfTheCard) {
  Line line(/*ifsc=*/254, /*uses_crc=*/true);
  line.expect_echo(600);
  EXPECT_EQ(line.card.longest_inf(), 254U);
}

TEST(T1Protocol, KeepsToTheReadersBlockSize) {
  T1Card card(/*uses_crc=*/false, /*ifsc=*/254, echo);
  T1Protocol protocol(T1Settings{.uses_crc = false, .ifsc = 254, .block_bytes_max = 64});
  ASSERT_TRUE(protocol.transceive(pattern(200), card.link()).has_value());
  EXPECT_EQ(card.longest_inf(), 60U);
}

TEST(T1Protocol, AgreesOnTheSizeOfTheCardsBlocks) {
  Line line;
  ASSERT_TRUE(line.protocol.negotiate_ifsd(254, line.card.link()).has_value());
  EXPECT_EQ(line.card.ifsd(), 254U);
  line.expect_echo(200);
  EXPECT_EQ(line.card.blocks(), 1U + 7U);  // the response fits into one
}

TEST(T1Protocol, AsksAgainForTheSizeUntilTheCardUnderstands) {
  Line line;
  line.card.set_faults(at_blocks({{0, T1Fault::request_lost}, {1, T1Fault::response_damaged}}));
  ASSERT_TRUE(line.protocol.negotiate_ifsd(100, line.card.link()).has_value());
  EXPECT_EQ(line.card.ifsd(), 100U);
  line.card.set_faults([](unsigned) { return T1Fault::request_lost; });
  EXPECT_EQ(line.protocol.negotiate_ifsd(100, line.card.link()).error(), IFD_COMMUNICATION_ERROR);
}

class EachFault : public testing::TestWithParam<T1Fault> {};
INSTANTIATE_TEST_SUITE_P(T1, EachFault,
                         testing::Values(T1Fault::request_damaged, T1Fault::request_lost,
                                         T1Fault::response_damaged, T1Fault::response_lost,
                                         T1Fault::parity, T1Fault::asks_for_time,
                                         T1Fault::changes_ifsc));

TEST_P(EachFault, IsRepairedWhereverItStrikesOnce) {
  // 100 bytes there and back take 7 blocks.
  for (unsigned block = 0; block < 7; ++block) {
    SCOPED_TRACE(block);
    Line line;
    line.card.set_faults(at_blocks({{block, GetParam()}}));
    line.expect_echo(100);
    EXPECT_EQ(line.card.executions(), 1U);
    EXPECT_EQ(line.card.resynchs(), 0U);
    line.expect_echo(5);
  }
}

TEST(T1Protocol, GivesTheCardTheTimeItAsksFor) {
  Line line;
  line.card.set_faults(at_blocks({{0, T1Fault::asks_for_time}}));
  line.expect_echo(10);
  EXPECT_EQ(line.card.wtx_seen(), unsigned{T1Card::kTimeFactor});
}

TEST(T1Protocol, KeepsToASmallerBlockSizeTheCardAsksFor) {
  Line line(/*ifsc=*/200);
  line.card.set_faults(at_blocks({{0, T1Fault::changes_ifsc}}));
  line.expect_echo(10);
  const unsigned before = line.card.blocks();
  line.expect_echo(100);
  EXPECT_EQ(line.card.blocks() - before, 5U + 3U);
}

TEST(T1Protocol, ResynchronisesAfterThreeRetries) {
  Line line;
  line.expect_echo(10);  // the counters stand at one
  const unsigned start = line.card.blocks();
  line.card.set_faults([start](unsigned block) {
    return block < start + 4 ? T1Fault::response_damaged : T1Fault::none;
  });
  line.expect_echo(10);
  EXPECT_EQ(line.card.resynchs(), 1U);
  line.expect_echo(100);
}

TEST(T1Protocol, TriesToResynchroniseThreeTimesAndThenIsDeadUntilReset) {
  Line line;
  line.card.set_faults([](unsigned) { return T1Fault::request_lost; });
  EXPECT_EQ(line.protocol.transceive(pattern(10), line.card.link()).error(),
            IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(line.card.blocks(), 1U + 3U + 3U);
  line.card.set_faults([](unsigned) { return T1Fault::none; });
  EXPECT_EQ(line.protocol.transceive(pattern(10), line.card.link()).error(),
            IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(line.card.blocks(), 7U);
}

TEST(T1Protocol, EndsAtOnceWhenTheReaderIsGone) {
  T1Protocol protocol(T1Settings{});
  unsigned calls = 0;
  const T1Link gone = [&calls](ByteView, unsigned) {
    ++calls;
    return T1Reply{T1LinkStatus::broken, {}, IFD_NO_SUCH_DEVICE};
  };
  EXPECT_EQ(protocol.transceive(pattern(3), gone).error(), IFD_NO_SUCH_DEVICE);
  EXPECT_EQ(calls, 1U);
}

/// A card that always answers the same, whatever it is sent.
IfdResult<Bytes> against(const std::function<T1Block(const T1Block&)>& card, unsigned& blocks) {
  T1Protocol protocol(T1Settings{});
  return protocol.transceive(pattern(3), [&](ByteView raw, unsigned) {
    ++blocks;
    return T1Reply{T1LinkStatus::received, encode(card(*decode_block(raw, false)), false),
                   IFD_SUCCESS};
  });
}

TEST(T1Protocol, StopsACardWhoseResponseHasNoEnd) {
  unsigned blocks = 0;
  unsigned sequence = 1;
  const auto endless = [&sequence](std::size_t bytes) {
    return [&sequence, bytes](const T1Block&) {
      sequence ^= 1U;
      return information_block(sequence, /*more=*/true, Bytes(bytes, 0));
    };
  };
  EXPECT_EQ(against(endless(254), blocks).error(), IFD_COMMUNICATION_ERROR);
  EXPECT_LT(blocks, 300U);
  blocks = 0;
  sequence = 1;
  EXPECT_EQ(against(endless(0), blocks).error(), IFD_COMMUNICATION_ERROR);
  EXPECT_LT(blocks, 30U);
}

TEST(T1Protocol, StopsACardThatAsksForTimeForEver) {
  unsigned blocks = 0;
  const auto lazy = [](const T1Block&) {
    return supervisory_block(T1Supervisory::wtx, /*is_response=*/false, Bytes{1});
  };
  EXPECT_EQ(against(lazy, blocks).error(), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(blocks, 10'001U);
}

TEST(T1Protocol, TakesTheAnswerOfACardThatAbortsTheCommand) {
  T1Protocol protocol(T1Settings{});
  unsigned blocks = 0;
  const IfdResult<Bytes> response = protocol.transceive(pattern(100), [&](ByteView raw, unsigned) {
    const T1Block block = *decode_block(raw, false);
    const T1Block answer = ++blocks == 1
                               ? supervisory_block(T1Supervisory::abort, /*is_response=*/false)
                               : information_block(0, /*more=*/false, Bytes{0x6F, 0x00});
    EXPECT_TRUE(blocks != 2 || block.pcb == 0xE2);
    return T1Reply{T1LinkStatus::received, encode(answer, false), IFD_SUCCESS};
  });
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(*response, (Bytes{0x6F, 0x00}));
  EXPECT_EQ(blocks, 2U);
}

/// A card that answers these blocks in turn; the PCBs of what it was sent come back in `pcbs`.
IfdResult<Bytes> with_script(const std::vector<T1Block>& answers, Bytes& pcbs) {
  T1Protocol protocol(T1Settings{});
  return protocol.transceive(pattern(3), [&](ByteView raw, unsigned) {
    pcbs.push_back(raw[1]);
    if (pcbs.size() > answers.size()) return T1Reply{};
    return T1Reply{T1LinkStatus::received, encode(answers[pcbs.size() - 1], false), IFD_SUCCESS};
  });
}

const T1Block kDone = information_block(0, /*more=*/false, Bytes{0x90, 0x00});

TEST(T1Protocol, RepeatsItsReceiptIfTheCardDidNotGetIt) {
  Bytes pcbs;
  const IfdResult<Bytes> response =
      with_script({information_block(0, /*more=*/true, Bytes{0x55}),
                   receive_ready_block(1, T1Complaint::checksum),
                   information_block(1, /*more=*/false, Bytes{0x90, 0x00})},
                  pcbs);
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(*response, (Bytes{0x55, 0x90, 0x00}));
  EXPECT_EQ(pcbs, (Bytes{0x00, 0x90, 0x90}));
}

TEST(T1Protocol, AsksForAResponseTheCardOwes) {
  Bytes pcbs;
  ASSERT_TRUE(with_script({receive_ready_block(1, T1Complaint::none), kDone}, pcbs).has_value());
  EXPECT_EQ(pcbs, (Bytes{0x00, 0x82}));
}

TEST(T1Protocol, RefusesImpossibleBlockSizesAndUnaskedResponses) {
  for (const T1Block& wrong : {supervisory_block(T1Supervisory::ifs, false, Bytes{0}),
                               supervisory_block(T1Supervisory::ifs, false, Bytes{255}),
                               supervisory_block(T1Supervisory::wtx, true, Bytes{1}),
                               supervisory_block(T1Supervisory::resynch, false)}) {
    Bytes pcbs;
    ASSERT_TRUE(with_script({wrong, kDone}, pcbs).has_value());
    EXPECT_EQ(pcbs, (Bytes{0x00, 0x82}));
  }
}

TEST(T1Protocol, GoesOnAfterABlockTheReaderSentByItself) {
  Line line;
  line.expect_echo(3);
  const auto prologue = line.protocol.foreign_prologue(5);
  EXPECT_EQ(prologue, (std::array<std::uint8_t, 3>{0x00, 0x40, 5}));
  line.card.set_faults(at_blocks({{1, T1Fault::asks_for_time}}));
  // The reader sends the block, the card wants time first.
  T1Reply reply =
      line.card.exchange(encode(information_block(1, /*more=*/false, pattern(5)), false), 1);
  const IfdResult<Bytes> response =
      line.protocol.finish_foreign(std::move(reply.block), line.card.link());
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(*response, echo(pattern(5)));
  line.expect_echo(40);
}

TEST(T1Protocol, DoesNotRepeatWhatTheReaderSent) {
  Line line;
  const Bytes complaint = encode(receive_ready_block(0, T1Complaint::checksum), false);
  EXPECT_EQ(line.protocol.finish_foreign(complaint, line.card.link()).error(),
            IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(line.card.blocks(), 0U);
}

}  // namespace
}  // namespace cardea::ccid
