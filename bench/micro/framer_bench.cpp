// What cutting one request out of the input costs the daemon, from the smallest to the largest.
#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "protocol/framer.hpp"

namespace cardea::wire {
namespace {

template <typename Body>
std::vector<std::byte> request(Command command, const Body& body, std::size_t payload_bytes) {
  const Header header{sizeof body, static_cast<std::uint32_t>(command)};
  std::vector<std::byte> bytes(sizeof header + sizeof body + payload_bytes);
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, &body, sizeof body);
  return bytes;
}

void cut(benchmark::State& state, const std::vector<std::byte>& input) {
  const Dialect& dialect = newest_dialect();
  for ([[maybe_unused]] auto _ : state) {
    const FrameResult result = next_frame(dialect, input);
    if (!std::holds_alternative<Frame>(result)) {
      state.SkipWithError("not a frame");
      break;
    }
    benchmark::DoNotOptimize(&result);
  }
}

void begin_request(benchmark::State& state) {
  cut(state, request(Command::begin_transaction, Begin{}, 0));
}
BENCHMARK(begin_request);

void transmit_request(benchmark::State& state) {
  const auto payload_bytes = static_cast<std::size_t>(state.range(0));
  Transmit body{};
  body.send_bytes = static_cast<std::uint32_t>(payload_bytes);
  cut(state, request(Command::transmit, body, payload_bytes));
}
BENCHMARK(transmit_request)->Arg(5)->Arg(261)->Arg(kPayloadBytesMax);

/// A request of which the last byte is missing: what a slow sender costs per wake-up.
void incomplete_request(benchmark::State& state) {
  auto input = request(Command::begin_transaction, Begin{}, 0);
  input.pop_back();
  for ([[maybe_unused]] auto _ : state) {
    const FrameResult result = next_frame(newest_dialect(), input);
    if (!std::holds_alternative<NeedMore>(result)) {
      state.SkipWithError("a frame came out");
      break;
    }
    benchmark::DoNotOptimize(&result);
  }
}
BENCHMARK(incomplete_request);

}  // namespace
}  // namespace cardea::wire
