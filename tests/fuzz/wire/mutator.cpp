// How libFuzzer changes inputs of wire_fuzz: requests are put in, taken out, repeated and given
// other values as wholes, so that most streams get past the framer. One mutation in four is
// libFuzzer's own and knows nothing of all that.
#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "protocol/codec.hpp"
#include "tests/fuzz/wire/plan.hpp"
#include "tests/fuzz/wire/requests.hpp"

// Of libFuzzer.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace cardea::fuzz {
namespace {

constexpr std::array<std::uint32_t, 16> kInteresting{
    0, 1, 2, 3, 4, 5, 8, 264, 265, 65548, 65549, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x1000, 258};

struct Place {
  std::size_t begin = 0;
  std::size_t bytes = 0;
};

const wire::Dialect& dialect_of(std::span<const std::uint8_t> input) {
  const wire::Dialect* agreed = plan_of(input.data()).dialect;
  return agreed != nullptr ? *agreed : wire::default_dialect();
}

/// The requests of a stream, up to what the framer does not take.
std::vector<Place> places_of(std::span<const std::uint8_t> input) {
  std::vector<Place> places;
  const wire::Dialect* dialect = &dialect_of(input);
  std::size_t at = kPlanBytes;
  for (;;) {
    const auto next = wire::next_frame(*dialect, std::as_bytes(input.subspan(at)));
    const auto* frame = std::get_if<wire::Frame>(&next);
    if (frame == nullptr) return places;
    places.push_back({at, frame->bytes});
    at += frame->bytes;
    if (frame->command != wire::Command::version) continue;
    const auto version = wire::decode<wire::Version>(frame->body);
    if (const auto* agreed = wire::find_dialect(version.major, version.minor)) dialect = agreed;
  }
}

class Mutation {
 public:
  Mutation(std::span<std::uint8_t> buffer, std::size_t size, std::uint64_t seed)
      : buffer_(buffer), size_(size), dice_(seed) {}

  /// The new size.
  std::size_t run() {
    const std::vector<Place> places = places_of(buffer_.first(size_));
    const std::uint32_t kind = places.empty() ? 0 : dice_.below(5);
    switch (kind) {
      case 1:
        take_out(any(places));
        break;
      case 2: {
        const Place place = any(places);
        const std::uint8_t* from = buffer_.data() + place.begin;
        put_in(boundary(places), std::string(from, from + place.bytes));
        break;
      }
      case 3:
      case 4:
        change_value(any(places));
        break;
      default:
        put_in(boundary(places), fresh_request());
    }
    if (dice_.chance(10)) buffer_[dice_.below(kPlanBytes)] = any_byte();
    return size_;
  }

 private:
  std::uint8_t any_byte() { return static_cast<std::uint8_t>(dice_.below(256)); }
  const Place& any(const std::vector<Place>& places) { return places[dice_.below(places.size())]; }

  std::size_t boundary(const std::vector<Place>& places) {
    const std::uint32_t index = dice_.below(places.size() + 1);
    if (index < places.size()) return places[index].begin;
    return places.empty() ? kPlanBytes : places.back().begin + places.back().bytes;
  }

  std::string fresh_request() {
    const wire::Dialect& dialect = dialect_of(buffer_.first(size_));
    for (;;) {
      const auto command = static_cast<wire::Command>(dice_.below(kCommandsEnd));
      std::string bytes = any_request(dialect, command, dice_);
      if (!bytes.empty()) return bytes;
    }
  }

  void put_in(std::size_t at, const std::string& bytes) {
    if (bytes.size() > buffer_.size() - size_) return;
    std::memmove(buffer_.data() + at + bytes.size(), buffer_.data() + at, size_ - at);
    std::memcpy(buffer_.data() + at, bytes.data(), bytes.size());
    size_ += bytes.size();
  }

  void take_out(const Place& place) {
    const std::size_t end = place.begin + place.bytes;
    std::memmove(buffer_.data() + place.begin, buffer_.data() + end, size_ - end);
    size_ -= place.bytes;
  }

  void change_value(const Place& place) {
    const std::size_t fields = place.bytes / sizeof(std::uint32_t);
    std::uint8_t* field =
        buffer_.data() + place.begin + sizeof(std::uint32_t) * dice_.below(fields);
    const std::uint32_t value = kInteresting[dice_.below(kInteresting.size())];
    std::memcpy(field, &value, sizeof value);
  }

  std::span<std::uint8_t> buffer_;
  std::size_t size_;
  Dice dice_;
};

}  // namespace
}  // namespace cardea::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned int seed) {
  using namespace cardea::fuzz;
  if (size < kPlanBytes || max_size < kPlanBytes || seed % 4 == 0) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  return Mutation(std::span(data, max_size), std::min(size, max_size), seed).run();
}
