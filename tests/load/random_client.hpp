// One program after the other on the daemon's real socket, in the same thread: each greets in some
// dialect, asks for anything in any order, checks that each answer has the form its dialect has for
// it, and leaves as it likes: properly, in the middle of a request or of an answer, or with
// nonsense. Owned by its thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "protocol/dialect.hpp"
#include "protocol/framer.hpp"
#include "protocol/wire.hpp"
#include "tests/fuzz/dice.hpp"
#include "tests/fuzz/wire/answer_check.hpp"

namespace cardea::load {

struct Tally {
  std::size_t lives = 0, requests = 0, refused = 0, unanswered = 0;
};

class RandomClient {
 public:
  /// `readers`: what it connects to.
  RandomClient(std::string socket, std::vector<std::string> readers, std::uint64_t seed)
      : socket_(std::move(socket)), readers_(std::move(readers)), dice_(seed) {}

  /// From connect() to close(). Ends the program if an answer is wrong or does not come.
  void live();
  [[nodiscard]] const Tally& tally() const { return tally_; }

 private:
  bool greet();
  void act();
  void wait_for_events();
  void leave();
  std::string next_request(wire::Command& command);
  /// False: the daemon has cut the connection, as it does with who breaks the rules.
  bool ask(const std::string& request);
  bool send(const std::string& bytes);
  bool read(std::span<std::byte> room);
  bool has_input(int timeout_ms);
  void learn(const wire::Frame& frame, std::span<const std::byte> answer);

  const std::string socket_;
  const std::vector<std::string> readers_;
  fuzz::Dice dice_;
  Tally tally_;

  UniqueFd fd_;
  const wire::Dialect* dialect_ = nullptr;
  fuzz::AnswerCheck check_;
  std::uint32_t context_ = 0;
  std::vector<std::int32_t> cards_;
  std::size_t slots_ = wire::kFixedSlots;  ///< of the sized array
};

}  // namespace cardea::load
