// A card's side of T=1 (ISO/IEC 7816-3:2006, 11), for tests: receives one block, answers one block,
// and damages, loses or delays what a test tells it to. Thread-bound.
#pragma once

#include <functional>

#include "drivers/ccid/t1_protocol.hpp"

namespace cardea::ccid {

enum class T1Fault : std::uint8_t {
  none,
  request_damaged,   ///< the card sees a wrong checksum
  request_lost,      ///< the card sees nothing and stays silent
  response_damaged,  ///< the interface device sees a wrong checksum
  response_lost,     ///< it sees nothing
  parity,            ///< the reader reports a parity error in the response
  asks_for_time,     ///< S(WTX request) before the block that is due
  changes_ifsc,      ///< S(IFS request) before the block that is due
};

class T1Card {
 public:
  using Application = std::function<Bytes(ByteView command)>;
  /// Asked before each block, with the number of the block since the start.
  using Faults = std::function<T1Fault(unsigned block)>;

  T1Card(bool uses_crc, std::uint8_t ifsc, Application application);

  void set_faults(Faults faults) { faults_ = std::move(faults); }
  T1Reply exchange(ByteView raw, unsigned wtx);
  T1Link link();

  [[nodiscard]] unsigned blocks() const { return blocks_; }
  [[nodiscard]] unsigned executions() const { return executions_; }
  [[nodiscard]] unsigned resynchs() const { return resynchs_; }
  [[nodiscard]] std::uint8_t ifsd() const { return ifsd_; }
  /// Of the last block after an S(WTX response).
  [[nodiscard]] unsigned wtx_seen() const { return wtx_seen_; }
  [[nodiscard]] std::size_t longest_inf() const { return longest_inf_; }
  /// A block larger than the card can take arrived.
  [[nodiscard]] bool was_overrun() const { return overrun_; }

  static constexpr std::uint8_t kTimeFactor = 5;
  static constexpr std::uint8_t kNewIfsc = 20;

 private:
  T1Block answer(const T1Block& block);
  T1Block answer_information(const T1Block& block);
  T1Block answer_receive_ready(const T1Block& block);
  T1Block answer_supervisory(const T1Block& block);
  T1Block response_block();
  T1Block hold_back(T1Block due, T1Fault fault);
  void reset();

  const bool uses_crc_;
  const std::uint8_t first_ifsc_;
  const Application application_;
  Faults faults_;

  std::uint8_t ifsc_;
  std::uint8_t ifsd_ = 32;
  unsigned send_sequence_ = 0;
  unsigned expected_ = 0;
  Bytes command_;
  Bytes response_;
  std::size_t sent_ = 0;
  std::size_t block_ = 0;
  bool unacknowledged_ = false;
  T1Block last_;
  std::optional<T1Block> held_back_;

  unsigned blocks_ = 0;
  unsigned executions_ = 0;
  unsigned resynchs_ = 0;
  unsigned wtx_seen_ = 1;
  std::size_t longest_inf_ = 0;
  bool overrun_ = false;
};

}  // namespace cardea::ccid
