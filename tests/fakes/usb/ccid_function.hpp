// One CCID interface of an emulated device: messages in, messages out (CCID 1.10), and what a
// test wants it to do wrong. No input or output of its own. Owned by a UsbDevice, which locks.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "tests/fakes/usb/card_line.hpp"
#include "tests/fakes/usb/descriptors.hpp"

namespace cardea::usb_fake {

class CcidFunction {
 public:
  /// Messages that wait for a host which does not read; beyond that, the host loses answers.
  static constexpr std::size_t kAnswersMax = 64;

  struct Answer {
    Bytes bytes;
    bool is_broken = false;  ///< the transfer fails
  };

  explicit CcidFunction(const DeviceSpec& spec);

  /// The host: bulk out, bulk in, interrupt in. Nothing: there is nothing to read yet.
  void receive(ByteView message, TimePoint now);
  std::optional<Answer> next_answer(TimePoint now);
  std::optional<Bytes> next_notification();

  /// The user. False: no such slot, or the slot is not empty (insert), or it is (remove).
  bool insert(unsigned slot, CardKind kind, virtual_reader::AtrKind atr);
  bool remove(unsigned slot, TimePoint now);

  /// The bus was reset: all cards lose power, nothing is left to read.
  void reset();
  void lose_card_power();

  /// While it hangs, answers to APDUs are held back; what was held comes when it ends.
  void hang(bool on, TimePoint now);
  void set_answer_delay(milliseconds delay) { answer_delay_ = delay; }
  void fail_answers(unsigned count) { failing_answers_ = count; }

  [[nodiscard]] unsigned commands() const { return commands_; }
  [[nodiscard]] unsigned held() const;
  [[nodiscard]] unsigned powered() const;

 private:
  struct Slot {
    std::unique_ptr<CardLine> card;
    bool powered = false;
    bool changed = false;
    Bytes command;   ///< pieces of a chained command
    Bytes response;  ///< what is left of a chained response
  };
  struct Header {
    unsigned type = 0;
    std::uint8_t slot = 0;
    std::uint8_t sequence = 0;
    std::uint8_t protocol = 0;  ///< SetParameters: bProtocolNum
    unsigned level = 0;         ///< XfrBlock: wLevelParameter
  };
  struct Queued {
    Answer answer;
    std::uint8_t slot = 0;
    std::uint8_t sequence = 0;
    bool is_exchange = false;
    TimePoint ready;
  };

  void dispatch(const Header& header, ByteView data, TimePoint now);
  void power_on(const Header& header, TimePoint now);
  void set_parameters(const Header& header, ByteView data, TimePoint now);
  void exchange(const Header& header, ByteView data, TimePoint now);
  void verify_pin(const Header& header, TimePoint now);
  void answer_exchange(const Header& header, TimePoint ready);
  void answer(unsigned type, const Header& header, TimePoint ready, ByteView data = {},
              unsigned last = 0);
  void fail(unsigned type, const Header& header, TimePoint ready, unsigned error);
  Bytes make_message(unsigned type, const Header& header, unsigned status, unsigned error,
                     unsigned last, ByteView data) const;
  void push(Bytes message, const Header& header, TimePoint ready, bool is_exchange);
  [[nodiscard]] unsigned card_status(unsigned slot) const;

  const ExchangeLevel level_;
  const std::size_t message_bytes_;
  const bool has_pinpad_;
  std::vector<Slot> slots_;
  std::deque<Queued> answers_;
  bool notify_ = true;  ///< as a reader that has just got power, it tells what is in the slots
  bool hangs_ = false;
  milliseconds answer_delay_;
  unsigned failing_answers_;
  unsigned commands_ = 0;
};

}  // namespace cardea::usb_fake
