// What may come back for a request, as sizes and values: the oracle of the wire's fuzz targets. It
// ends the program at the first answer that no library could read. Owned by who plays the client;
// bound to its thread.
#pragma once

#include <cstddef>
#include <span>

#include "protocol/dialect.hpp"
#include "protocol/framer.hpp"

namespace cardea::fuzz {

class AnswerCheck {
 public:
  /// How many answers the request has, besides completions: WAIT and STOP may have none.
  static std::size_t answers_of(const wire::Dialect& dialect, wire::Command command);

  /// A request of this client is on its way.
  void asked(const wire::Dialect& dialect, const wire::Frame& frame);
  /// `bytes` and `payload` came as the answer to `frame`, the last request.
  void answered(const wire::Dialect& dialect, const wire::Frame& frame,
                std::span<const std::byte> bytes, std::span<const std::byte> payload);
  /// A completion came: no more than one for each WAIT.
  void completed(std::span<const std::byte> bytes);

 private:
  std::size_t waits_ = 0;  ///< without completion so far; a WAIT during a WAIT needs none
  std::size_t announced_slots_ = 0;
};

}  // namespace cardea::fuzz
