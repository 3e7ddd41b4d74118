// A CCID reader as a model behind BulkPipe, for tests: answers messages as CCID Rev 1.1 has it and
// misbehaves where a test says so. Slots hold cards that are functions. Thread-safe.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "drivers/ccid/bulk_pipe.hpp"
#include "drivers/ccid/ccid_message.hpp"
#include "drivers/ccid/usb_interface.hpp"

namespace cardea::ccid {

/// Answers a block or an APDU; nothing: the card is mute.
using FakeCard = std::function<std::optional<Bytes>(ByteView command)>;

/// The 54 bytes of a class descriptor.
struct DescriptorFields {
  ExchangeLevel level = ExchangeLevel::short_apdu;
  std::uint32_t features = 0xBA;  ///< all automatic but parameters and IFSD
  std::uint8_t slots = 1;
  std::uint8_t busy_slots = 1;
  std::uint8_t voltages = 7;
  std::uint32_t max_message_bytes = 271;
  std::uint8_t pin_support = 0;
  std::uint32_t max_ifsd = 254;
  std::uint32_t max_rate_bps = 344'086;
  bool interrupt = true;  ///< has the endpoint
};
Bytes class_descriptor(const DescriptorFields& fields);
UsbInterface usb_interface(const DescriptorFields& fields);

class FakeReader final : public BulkPipe {
 public:
  explicit FakeReader(const DescriptorFields& fields);

  void insert(unsigned slot, Bytes atr, FakeCard card) EXCLUDES(mutex_);
  void remove(unsigned slot) EXCLUDES(mutex_);
  /// Out and in again before anybody looked: present without power.
  void swap(unsigned slot) EXCLUDES(mutex_);
  void unplug() EXCLUDES(mutex_);
  /// Any interrupt message.
  void notify(Bytes message) EXCLUDES(mutex_);

  /// Seen by the next messages.
  struct Trouble {
    unsigned time_extensions = 0;  ///< before the next answer
    unsigned stale_answers = 0;    ///< with another number, before each answer
    unsigned silent_commands = 0;  ///< not answered at all, until aborted
    bool damaged_answer = false;   ///< a short message instead of the next answer
    bool fails_reads = false;
    bool ignores_abort = false;
    std::optional<std::uint8_t> error{};  ///< of the next block or PIN command
    std::optional<std::uint8_t> parameters_error{};
    std::optional<std::uint8_t> chain{};  ///< of the next data block
    unsigned failing_voltages = 0;
  };
  void set_trouble(const Trouble& trouble) EXCLUDES(mutex_);
  /// Answers of the slot are kept back until release().
  void hold(unsigned slot) EXCLUDES(mutex_);
  void release(unsigned slot) EXCLUDES(mutex_);

  /// What the Secure command makes of its data.
  void set_pinpad(FakeCard pinpad) EXCLUDES(mutex_);

  struct Seen {
    std::uint8_t type;
    std::uint8_t slot;
    std::uint8_t sequence;
    std::array<std::uint8_t, 3> parameters;
    Bytes data;
  };
  std::vector<Seen> seen() const EXCLUDES(mutex_);
  std::vector<Seen> seen(Command command) const;
  unsigned aborts() const EXCLUDES(mutex_);
  void wait_until_reading_interrupt() EXCLUDES(mutex_);
  void wait_until_seen(std::size_t messages) EXCLUDES(mutex_);

  IoStatus write(ByteView message, int timeout_ms) override EXCLUDES(mutex_);
  IoResult read(std::span<std::uint8_t> room, int timeout_ms) override EXCLUDES(mutex_);
  [[nodiscard]] bool has_interrupt() const override { return fields_.interrupt; }
  IoResult read_interrupt(std::span<std::uint8_t> room, int timeout_ms) override EXCLUDES(mutex_);
  void cancel_interrupt() noexcept override EXCLUDES(mutex_);
  IoStatus request_abort(std::uint8_t slot, std::uint8_t sequence, int timeout_ms) override
      EXCLUDES(mutex_);

 private:
  struct SlotModel {
    bool present = false;
    bool powered = false;
    Bytes atr;
    FakeCard card;
    Bytes chain_in;   ///< command pieces so far
    Bytes chain_out;  ///< response still to be fetched
    bool chain_started = false;
    bool held = false;
    std::vector<Bytes> kept_back;
  };
  struct Reply {
    std::uint8_t type = 0;
    Bytes data;
    std::uint8_t last = 0;  ///< byte 9
    std::optional<std::uint8_t> error;
  };

  void serve(const Seen& command) REQUIRES(mutex_);
  Reply reply_to(const Seen& command) REQUIRES(mutex_);
  Reply power_on(SlotModel& slot) REQUIRES(mutex_);
  Reply transfer(SlotModel& slot, const Seen& command) REQUIRES(mutex_);
  Reply transfer_extended(SlotModel& slot, const Seen& command) REQUIRES(mutex_);
  Reply next_piece(SlotModel& slot) REQUIRES(mutex_);
  void answer(const Seen& command, const Reply& reply) REQUIRES(mutex_);
  Bytes message(const Seen& command, const Reply& reply, std::uint8_t status) const
      REQUIRES(mutex_);
  void move_card(unsigned slot, bool present) REQUIRES(mutex_);

  const DescriptorFields fields_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<SlotModel> slots_ GUARDED_BY(mutex_);
  std::deque<Bytes> bulk_in_ GUARDED_BY(mutex_);
  std::deque<Bytes> interrupt_in_ GUARDED_BY(mutex_);
  std::vector<Seen> seen_ GUARDED_BY(mutex_);
  Trouble trouble_ GUARDED_BY(mutex_);
  FakeCard pinpad_ GUARDED_BY(mutex_);
  std::optional<std::pair<std::uint8_t, std::uint8_t>> abort_requested_ GUARDED_BY(mutex_);
  unsigned aborts_ GUARDED_BY(mutex_) = 0;
  bool gone_ GUARDED_BY(mutex_) = false;
  bool interrupt_cancelled_ GUARDED_BY(mutex_) = false;
  bool reading_interrupt_ GUARDED_BY(mutex_) = false;
};

/// A reader's model that several owners share: what a Reader takes over while the test steers it.
class SharedPipe final : public BulkPipe {
 public:
  explicit SharedPipe(std::shared_ptr<FakeReader> fake) : fake_(std::move(fake)) {}
  IoStatus write(ByteView message, int timeout_ms) override {
    return fake_->write(message, timeout_ms);
  }
  IoResult read(std::span<std::uint8_t> room, int timeout_ms) override {
    return fake_->read(room, timeout_ms);
  }
  [[nodiscard]] bool has_interrupt() const override { return fake_->has_interrupt(); }
  IoResult read_interrupt(std::span<std::uint8_t> room, int timeout_ms) override {
    return fake_->read_interrupt(room, timeout_ms);
  }
  void cancel_interrupt() noexcept override { fake_->cancel_interrupt(); }
  IoStatus request_abort(std::uint8_t slot, std::uint8_t sequence, int timeout_ms) override {
    return fake_->request_abort(slot, sequence, timeout_ms);
  }

 private:
  const std::shared_ptr<FakeReader> fake_;
};

}  // namespace cardea::ccid
