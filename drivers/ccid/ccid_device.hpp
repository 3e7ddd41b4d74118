// The conversation with one reader on its bulk pipes: sequence numbers, answers to the right slot,
// time extensions, and cancelling what takes too long. Owned by the Reader.
//
// Threads: thread-safe. As many slots talk at a time as the reader says it can serve; the others
// wait. There is no thread for the answers: whoever waits for one reads for all.
#pragma once

#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "drivers/ccid/bulk_pipe.hpp"
#include "drivers/ccid/ccid_descriptor.hpp"
#include "drivers/ccid/ccid_message.hpp"
#include "drivers/ccid/ifd_result.hpp"

namespace cardea::ccid {

/// How long a reader may take for what does not depend on the card.
constexpr int kAnswerTimeoutMs = 3'000;
/// All time extensions of one command together end here: on-card key generation takes minutes.
constexpr int kExtendedTimeMsMax = 600'000;

class CcidDevice {
 public:
  /// `pipe` outlives this object.
  CcidDevice(BulkPipe& pipe, const CcidDescriptor& descriptor, bool log_traffic);

  /// Sends a command and waits up to `timeout_ms` for its answer, longer where the reader asks for
  /// it. The answer may say "failed". Errors: IFD_NO_SUCH_DEVICE once the device is gone,
  /// IFD_RESPONSE_TIMEOUT after the command was cancelled, IFD_COMMUNICATION_ERROR.
  IfdResult<Answer> exchange(const CommandMessage& message, int timeout_ms) EXCLUDES(mutex_);

  /// The device is known to be unplugged: every running and further exchange fails.
  void set_gone() EXCLUDES(mutex_);
  [[nodiscard]] bool gone() const EXCLUDES(mutex_);

 private:
  IfdResult<Answer> send_and_wait(const CommandMessage& message, std::uint8_t sequence,
                                  int timeout_ms) EXCLUDES(mutex_);
  IfdResult<Answer> await_answer(const CommandMessage& message, std::uint8_t sequence,
                                 int timeout_ms) EXCLUDES(mutex_);
  IfdResult<Answer> receive(std::uint8_t slot, TimePoint deadline) EXCLUDES(mutex_);
  IoStatus read_for_all(TimePoint deadline) EXCLUDES(mutex_);
  void cancel(std::uint8_t slot) EXCLUDES(mutex_);
  std::uint8_t take_sequence() EXCLUDES(mutex_);
  IoStatus write(const CommandMessage& message, std::uint8_t sequence) EXCLUDES(mutex_);
  bool enter(std::uint8_t slot, std::uint8_t& sequence) EXCLUDES(mutex_);
  void leave() EXCLUDES(mutex_);

  struct SlotState {
    std::vector<Answer> inbox;  ///< at most kInboxAnswersMax
  };

  BulkPipe& pipe_;
  const unsigned busy_max_;
  const bool log_traffic_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<SlotState> slots_ GUARDED_BY(mutex_);
  unsigned busy_ GUARDED_BY(mutex_) = 0;
  std::uint8_t next_sequence_ GUARDED_BY(mutex_) = 0;
  bool reading_ GUARDED_BY(mutex_) = false;
  bool gone_ GUARDED_BY(mutex_) = false;

  /// Belongs to whoever set reading_.
  Bytes read_buffer_;
};

}  // namespace cardea::ccid
