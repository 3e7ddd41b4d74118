// Durations of one measurement and what is said about them. Values only, no clock, no I/O.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cardea::bench {

using Nanoseconds = std::int64_t;

/// Now, CLOCK_MONOTONIC: the same in all processes of the machine.
Nanoseconds now_ns();

/// The value that at least `percent` of the samples do not exceed (nearest rank); 0 without
/// samples. `sorted` is ascending.
Nanoseconds percentile(const std::vector<Nanoseconds>& sorted, double percent);

/// least / most of the counts; 1 without counts, 0 if somebody got nothing.
double evenness(const std::vector<std::uint64_t>& counts);

/// Jain's fairness index: 1 if all counts are equal, 1/n if one has everything.
double jain_index(const std::vector<std::uint64_t>& counts);

/// Collects "name": value pairs and prints them as one line of JSON. Names and texts are ours,
/// so nothing is escaped.
class JsonLine {
 public:
  JsonLine& text(const std::string& name, const std::string& value);
  JsonLine& number(const std::string& name, double value);
  JsonLine& count(const std::string& name, std::uint64_t value);
  /// count, min, p50, p95, p99, max in microseconds, each name with `prefix` before it.
  JsonLine& summary(const std::string& prefix, std::vector<Nanoseconds> samples);
  void print() const;

 private:
  void add(const std::string& name, const std::string& value);
  std::string body_;
};

}  // namespace cardea::bench
