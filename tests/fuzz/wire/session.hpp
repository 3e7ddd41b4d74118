// One client's whole conversation with a real core behind the real framer and dispatcher: bytes in,
// in pieces of any size, answers checked as they come. What a Server does with sockets and threads
// happens here at once, in virtual time, and follows from the plan alone. At the end the client is
// gone, and nothing may be left of it. Bound to its thread.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/core/core.hpp"
#include "protocol/dialect.hpp"
#include "protocol/framer.hpp"
#include "tests/fuzz/dice.hpp"
#include "tests/fuzz/wire/answer_check.hpp"
#include "tests/fuzz/wire/fickle_driver.hpp"

namespace cardea::fuzz {

class WireSession {
 public:
  struct Plan {
    const wire::Dialect* dialect = nullptr;  ///< as if its VERSION had been said; nullptr: not yet
    bool asks = false;                       ///< somebody is asked whether the client may be served
    bool chunks = false;                     ///< bytes come in pieces
    bool restless = false;                   ///< cards move and time passes meanwhile
    unsigned faults = 0;                     ///< of 100 driver calls
    std::uint64_t seed = 0;                  ///< of everything that is left to chance
  };

  explicit WireSession(const Plan& plan);

  /// The client sends `stream` and reads its answers.
  void converse(std::span<const std::byte> stream);
  /// The client hangs up. Ends the program if anything of it is left, or if the next client is not
  /// served.
  void hang_up();

 private:
  void handle(const wire::Frame& frame);
  void handle_version(const wire::Frame& frame);
  void pass_time();
  /// Does what the request in flight waits for. It has to be answered in the end.
  void settle();
  void run_job();
  void run_jobs();
  void decide();
  void expire();
  void carry_out();
  void serve_next_client();
  void expect_success(const std::string& bytes);

  Dice dice_;
  FickleDriver driver_;
  std::uint32_t last_number_ = 0;
  TimePoint now_;
  core::Core core_;
  core::ReaderId reader_;
  core::ConnId conn_;
  core::Effects fx_;
  std::deque<core::Job> jobs_;
  std::vector<core::Question> questions_;

  const bool chunks_;
  bool restless_;
  const wire::Dialect* dialect_;
  bool open_ = true;
  bool version_refused_ = false;
  const wire::Frame* asked_ = nullptr;  ///< the request in flight
  std::size_t answers_ = 0;             ///< to it
  std::optional<std::uint32_t> last_rv_;
  AnswerCheck check_;
};

}  // namespace cardea::fuzz
