#include "bench/samples.hpp"

#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace cardea::bench {

Nanoseconds now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<Nanoseconds>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

Nanoseconds percentile(const std::vector<Nanoseconds>& sorted, double percent) {
  if (sorted.empty()) return 0;
  const auto rank = std::ceil(percent / 100.0 * static_cast<double>(sorted.size()));
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

double evenness(const std::vector<std::uint64_t>& counts) {
  if (counts.empty()) return 1.0;
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  return *most == 0 ? 0.0 : static_cast<double>(*least) / static_cast<double>(*most);
}

double jain_index(const std::vector<std::uint64_t>& counts) {
  double sum = 0;
  double squares = 0;
  for (const std::uint64_t count : counts) {
    const auto value = static_cast<double>(count);
    sum += value;
    squares += value * value;
  }
  return squares > 0 ? sum * sum / (static_cast<double>(counts.size()) * squares) : 0.0;
}

JsonLine& JsonLine::text(const std::string& name, const std::string& value) {
  add(name, '"' + value + '"');
  return *this;
}

JsonLine& JsonLine::number(const std::string& name, double value) {
  char digits[64];
  std::snprintf(digits, sizeof digits, "%.3f", value);
  add(name, digits);
  return *this;
}

JsonLine& JsonLine::count(const std::string& name, std::uint64_t value) {
  add(name, std::to_string(value));
  return *this;
}

JsonLine& JsonLine::summary(const std::string& prefix, std::vector<Nanoseconds> samples) {
  std::sort(samples.begin(), samples.end());
  const auto microseconds = [&samples](double percent) {
    return static_cast<double>(percentile(samples, percent)) / 1000.0;
  };
  count(prefix + "count", samples.size());
  number(prefix + "min_us", microseconds(0));
  number(prefix + "p50_us", microseconds(50));
  number(prefix + "p95_us", microseconds(95));
  number(prefix + "p99_us", microseconds(99));
  number(prefix + "max_us", microseconds(100));
  return *this;
}

void JsonLine::print() const {
  std::printf("{%s}\n", body_.c_str());
  std::fflush(stdout);
}

void JsonLine::add(const std::string& name, const std::string& value) {
  if (!body_.empty()) body_ += ", ";
  body_ += '"' + name + "\": " + value;
}

}  // namespace cardea::bench
