// The interface device's side of T=1: ISO/IEC 7816-3:2006, 11. Carries commands to the card in
// blocks and repairs what gets damaged on the way. Owned by its slot, which gives it a way to
// exchange one block. A pure state machine: it knows neither USB nor time.
//
// Threads: thread-bound (the slot's lock).
#pragma once

#include <array>
#include <functional>

#include "drivers/ccid/bytes.hpp"
#include "drivers/ccid/ifd_result.hpp"
#include "drivers/ccid/t1_block.hpp"

namespace cardea::ccid {

/// The longest response: extended Le and status word.
constexpr std::size_t kResponseBytesMax = 65'538;

enum class T1LinkStatus : std::uint8_t {
  received,
  damaged,  ///< the reader saw a parity error
  silent,   ///< the card let its time pass
  broken,   ///< reader or card are gone or out of order: no use in trying again
};

struct T1Reply {
  T1LinkStatus status = T1LinkStatus::broken;
  Bytes block;                                  ///< if received
  RESPONSECODE code = IFD_COMMUNICATION_ERROR;  ///< if broken
};

/// Sends one block and waits for the card's, `wtx` (1..255) times its normal waiting time.
using T1Link = std::function<T1Reply(ByteView block, unsigned wtx)>;

struct T1Settings {
  bool uses_crc = false;
  std::uint8_t ifsc = 32;             ///< what the card takes in one block
  std::size_t block_bytes_max = 259;  ///< what the reader takes
};

class T1Protocol {
 public:
  explicit T1Protocol(const T1Settings& settings);

  /// One command and its response. Errors: what the link says when it breaks,
  /// IFD_COMMUNICATION_ERROR when all repairs are used up; after that every call fails until the
  /// card is reset and a new T1Protocol made.
  IfdResult<Bytes> transceive(ByteView command, const T1Link& link);

  /// Tells the card the size of the blocks it may send (11.4.2); `ifsd` is 1..254.
  IfdResult<void> negotiate_ifsd(std::uint8_t ifsd, const T1Link& link);

  /// The prologue of the I-block in which a pinpad reader is to send `apdu_bytes` by itself.
  [[nodiscard]] std::array<std::uint8_t, kT1PrologueBytes> foreign_prologue(
      std::size_t apdu_bytes) const;
  /// Goes on after the reader has sent that block and `reply` came for it.
  IfdResult<Bytes> finish_foreign(Bytes reply, const T1Link& link);

 private:
  /// A command under way.
  struct Transfer {
    ByteView command;
    bool foreign = false;   ///< the reader has sent the command, it cannot be sent again
    std::size_t sent = 0;   ///< bytes the card has acknowledged
    std::size_t block = 0;  ///< bytes of the I-block under way
    bool sending = true;    ///< its I-block is not acknowledged yet
    Bytes response;
    bool complete = false;
    bool aborted = false;  ///< the card wants no more of the command
    unsigned retries = 0;  ///< since the last progress
    unsigned resynchs = 0;
    unsigned supervisory = 0;
    unsigned empty_blocks = 0;
    unsigned wtx = 1;  ///< for the next block only
  };
  /// What to send next; nothing: repairs are used up.
  using Next = std::optional<T1Block>;

  IfdResult<Bytes> run(Transfer& transfer, T1Block block, std::optional<T1Reply> first,
                       const T1Link& link);
  T1Block command_block(Transfer& transfer) const;
  Next react(Transfer& transfer, const T1Reply& reply);
  Next react_to_information(Transfer& transfer, const T1Block& block);
  Next react_to_receive_ready(Transfer& transfer, const T1Block& block);
  Next react_to_supervisory(Transfer& transfer, const T1Block& block);
  Next complain(Transfer& transfer, T1Complaint complaint);
  Next retry(Transfer& transfer, const T1Block& block);
  void note_progress(Transfer& transfer) const;
  IfdResult<T1Block> resynchronise(Transfer& transfer, const T1Link& link);
  [[nodiscard]] std::size_t inf_bytes_max() const;

  const T1Settings settings_;
  std::uint8_t ifsc_;
  unsigned send_sequence_ = 0;
  unsigned receive_sequence_ = 0;
  bool dead_ = false;
};

}  // namespace cardea::ccid
