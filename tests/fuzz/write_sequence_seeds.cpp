// Writes seeds for sequence_fuzz into a directory: decisions by dice, in several lengths.
// Usage: write_sequence_seeds DIRECTORY
#include <cstdio>
#include <fstream>
#include <string>

#include "tests/fuzz/dice.hpp"

namespace {

constexpr unsigned kSeeds = 32;
constexpr unsigned kBytesStep = 32;

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_sequence_seeds DIRECTORY\n");
    return 2;
  }
  cardea::fuzz::Dice dice(1);
  for (unsigned i = 1; i <= kSeeds; ++i) {
    std::ofstream file(std::string(argv[1]) + "/dice-" + std::to_string(i), std::ios::binary);
    for (unsigned byte = 0; byte < i * kBytesStep; ++byte) {
      file.put(static_cast<char>(dice.below(256)));
    }
    file.close();
    if (file.good()) continue;
    std::fprintf(stderr, "write_sequence_seeds: cannot write to %s\n", argv[1]);
    return 1;
  }
  return 0;
}
