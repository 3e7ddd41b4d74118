// Programs that ask a real daemon for anything in any order, many at a time, for some seconds.
// Ends with 0 if every request got an answer of the right form, and says how many there were.
// Usage: random_clients SOCKET SECONDS CLIENTS SEED READER...
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "tests/load/random_client.hpp"

namespace {

constexpr int kFixedArguments = 5;

std::uint64_t number(const char* text) { return std::strtoull(text, nullptr, 10); }

}  // namespace

int main(int argc, char** argv) {
  using cardea::load::RandomClient;
  if (argc <= kFixedArguments) {
    std::fprintf(stderr, "usage: random_clients SOCKET SECONDS CLIENTS SEED READER...\n");
    return 2;
  }
  const std::string socket = argv[1];
  const auto end = cardea::Clock::now() + std::chrono::seconds(number(argv[2]));
  const std::size_t count = number(argv[3]);
  const std::uint64_t seed = number(argv[4]);
  const std::vector<std::string> readers(argv + kFixedArguments, argv + argc);
  std::vector<cardea::load::Tally> tallies(count);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      RandomClient client(socket, readers, seed * count + i);
      while (cardea::Clock::now() < end) client.live();
      tallies[i] = client.tally();
    });
  }
  for (std::thread& thread : threads) thread.join();
  cardea::load::Tally total;
  for (const auto& tally : tallies) {
    total.lives += tally.lives;
    total.requests += tally.requests;
    total.refused += tally.refused;
    total.unanswered += tally.unanswered;
  }
  std::printf("seed %llu: %zu clients, %zu requests, %zu refused, %zu left without their answer\n",
              static_cast<unsigned long long>(seed), total.lives, total.requests, total.refused,
              total.unanswered);
  return total.requests > 0 ? 0 : 1;
}
