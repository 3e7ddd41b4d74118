#include "drivers/ccid/apdu_chain.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace cardea::ccid {
namespace {

struct Sent {
  std::size_t bytes;
  std::uint16_t level;
  bool operator==(const Sent&) const = default;
};

/// Answers with these chain parameters and data, one after the other.
class Script {
 public:
  explicit Script(std::vector<std::pair<std::uint8_t, Bytes>> answers)
      : answers_(std::move(answers)) {}

  IfdResult<Bytes> run(std::size_t command_bytes, std::size_t piece_bytes_max) {
    return transfer_chained(Bytes(command_bytes, 0x5A), piece_bytes_max,
                            [this](ByteView data, std::uint16_t level) -> IfdResult<Answer> {
                              sent.push_back({data.size(), level});
                              if (sent.size() > answers_.size()) {
                                return ifd_failure(IFD_NO_SUCH_DEVICE);
                              }
                              Answer answer;
                              answer.chain = answers_[sent.size() - 1].first;
                              answer.data = answers_[sent.size() - 1].second;
                              return answer;
                            });
  }

  std::vector<Sent> sent;

 private:
  std::vector<std::pair<std::uint8_t, Bytes>> answers_;
};

TEST(ApduChain, SendsWhatFitsInOnePiece) {
  Script script({{0, {0x90, 0x00}}});
  EXPECT_EQ(script.run(261, 261), (Bytes{0x90, 0x00}));
  EXPECT_EQ(script.sent, (std::vector<Sent>{{261, 0}}));
}

TEST(ApduChain, MarksFirstMiddleAndLastPiece) {
  Script script({{0x10, {}}, {0x10, {}}, {0, {0x90, 0x00}}});
  EXPECT_EQ(script.run(250, 100), (Bytes{0x90, 0x00}));
  EXPECT_EQ(script.sent, (std::vector<Sent>{{100, 1}, {100, 3}, {50, 2}}));
}

TEST(ApduChain, FetchesTheRestOfTheResponse) {
  Script script({{1, {1, 2}}, {3, {3}}, {3, {}}, {2, {0x90, 0x00}}});
  EXPECT_EQ(script.run(5, 100), (Bytes{1, 2, 3, 0x90, 0x00}));
  EXPECT_EQ(script.sent, (std::vector<Sent>{{5, 0}, {0, 0x10}, {0, 0x10}, {0, 0x10}}));
}

TEST(ApduChain, PassesFailuresOn) {
  Script none({});
  EXPECT_EQ(none.run(5, 100).error(), IFD_NO_SUCH_DEVICE);
  Script amidst({{1, {1, 2}}});
  EXPECT_EQ(amidst.run(5, 100).error(), IFD_NO_SUCH_DEVICE);
}

RESPONSECODE run_with(std::vector<std::pair<std::uint8_t, Bytes>> answers) {
  return Script(std::move(answers)).run(5, 100).error();
}

TEST(ApduChain, RefusesParametersOutOfPlace) {
  EXPECT_EQ(Script({{0, {}}, {0, {}}}).run(150, 100).error(), IFD_COMMUNICATION_ERROR);
  for (const unsigned first : {2U, 3U, 0x10U, 0x77U}) {
    EXPECT_EQ(run_with({{low_byte(first), {}}}), IFD_COMMUNICATION_ERROR) << first;
  }
  for (const unsigned second : {0U, 1U, 0x10U, 0x77U}) {
    EXPECT_EQ(run_with({{1, {}}, {low_byte(second), {}}}), IFD_COMMUNICATION_ERROR) << second;
  }
}

TEST(ApduChain, StopsAResponseWithoutEnd) {
  const auto endless = [](std::size_t bytes, unsigned& calls) {
    return transfer_chained(Bytes{1}, 100,
                            [&calls, bytes](ByteView, std::uint16_t) -> IfdResult<Answer> {
                              Answer answer;
                              answer.chain = calls++ == 0 ? 1 : 3;
                              answer.data = Bytes(bytes, 0);
                              return answer;
                            });
  };
  unsigned calls = 0;
  EXPECT_EQ(endless(1000, calls).error(), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(calls, 66U);
  calls = 0;
  EXPECT_EQ(endless(0, calls).error(), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(calls, 20'000U);
}

}  // namespace
}  // namespace cardea::ccid
