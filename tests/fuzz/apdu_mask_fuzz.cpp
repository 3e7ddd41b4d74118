// Whatever goes to a card: no byte of the body of a PIN command stays readable in a log. Commands
// are built around the input in all forms that cards take, and the input is also taken as it is.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/apdu_mask.hpp"
#include "base/assert.hpp"
#include "tests/fuzz/input.hpp"

namespace {

using Bytes = std::vector<unsigned char>;
using View = std::span<const unsigned char>;

constexpr std::array<unsigned char, 14> kPinInstructions{0x20, 0x21, 0x24, 0x25, 0x26, 0x27, 0x28,
                                                         0x29, 0x2C, 0x2D, 0x2E, 0x2F, 0x86, 0xC2};

/// FEATURE_EXECUTE_PACE, the last that is known, and one more.
constexpr std::uint8_t kFeatureMax = 0x21;

bool is_hidden(const std::string& shown, std::size_t at) { return shown.substr(3 * at, 2) == "**"; }

void expect_inside(View command, cardea::SecretRange secret) {
  CARDEA_ASSERT(secret.begin <= secret.end && secret.end <= command.size());
}

void expect_hidden(View command, cardea::SecretRange secret, std::size_t begin, std::size_t end) {
  expect_inside(command, secret);
  const std::string shown = cardea::masked_hex(command, secret, command.size());
  for (std::size_t at = begin; at < end; ++at) CARDEA_ASSERT(is_hidden(shown, at));
}

/// Short and extended, with and without Le.
void check_built(View header, View pin) {
  Bytes command(header.begin(), header.end());
  const bool extended = pin.size() > 255;
  if (extended) {
    command.insert(command.end(), {0, static_cast<unsigned char>(pin.size() >> 8U),
                                   static_cast<unsigned char>(pin.size() & 0xFFU)});
  } else {
    command.push_back(static_cast<unsigned char>(pin.size()));
  }
  const std::size_t begin = command.size();
  command.insert(command.end(), pin.begin(), pin.end());
  for (std::size_t le = 0; le <= 2; ++le) {
    expect_hidden(command, cardea::secret_of_apdu(command), begin, begin + pin.size());
    command.push_back(0);
  }
}

/// PC/SC part 10, 2.5: ulDataLength stands at 15 or 20, in either byte order; then the command.
void check_pin_structure(View header, View pin, std::size_t length_at, std::uint8_t feature) {
  Bytes block(length_at, 0);
  const std::size_t bytes = header.size() + 1 + pin.size();
  for (unsigned i = 0; i < 4; ++i) {
    block.push_back(static_cast<unsigned char>(bytes >> (8U * i) & 0xFFU));
  }
  block.insert(block.end(), header.begin(), header.end());
  block.push_back(static_cast<unsigned char>(pin.size()));
  const std::size_t begin = block.size();
  block.insert(block.end(), pin.begin(), pin.end());
  expect_hidden(block, cardea::secret_of_control(feature, block), begin, block.size());
  expect_hidden(block, cardea::secret_of_control(0, block), begin, block.size());
  std::reverse(block.begin() + static_cast<std::ptrdiff_t>(length_at),
               block.begin() + static_cast<std::ptrdiff_t>(length_at + 4));
  expect_hidden(block, cardea::secret_of_control(feature, block), begin, block.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cardea::fuzz::Input input(data, size);
  const View all(data, size);
  expect_inside(all, cardea::secret_of_apdu(all));
  for (std::uint8_t feature = 0; feature <= kFeatureMax; ++feature) {
    expect_inside(all, cardea::secret_of_control(feature, all));
  }
  std::array<unsigned char, 4> header{input.byte(), 0, 0, 0};
  header[1] = kPinInstructions[input.below(kPinInstructions.size())];
  header[2] = input.byte();
  header[3] = input.byte();
  const auto pin = input.rest();
  if (pin.empty() || pin.size() > 0xFFFF) return 0;
  check_built(header, pin);
  if (pin.size() <= 255) {
    check_pin_structure(header, pin, 15, 0x06);
    check_pin_structure(header, pin, 20, 0x07);
  }
  return 0;
}
