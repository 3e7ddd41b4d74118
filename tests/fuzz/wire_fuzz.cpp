// Whatever one client sends, in any dialect and in any pieces, with any reader behind: the daemon's
// own framer, dispatcher and core answer each request once, in the size that the dialect has for
// it, and when the client has gone nothing of it is left and the next one is served.
//
// Input: two bytes of circumstances (WireSession::Plan), then the client's stream. Mutations know
// what a request is (wire/mutator.cpp).
#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/fuzz/wire/plan.hpp"
#include "tests/fuzz/wire/session.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cardea::fuzz;
  if (size < kPlanBytes) return 0;
  WireSession session(plan_of(data));
  session.converse(std::as_bytes(std::span(data, size)).subspan(kPlanBytes));
  session.hang_up();
  return 0;
}
