// Keeps what fails again and again from filling the log: of each reader, device or program only so
// many records a minute are written while it is in trouble; the rest is counted, and one record
// sums it up. What works is never limited. Pure: time is a parameter. Not thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace cardea {

class LogLimit {
 public:
  static constexpr std::chrono::seconds kWindow{60};
  /// Records of one subject in any kWindow, the summary included. What one broken reader causes
  /// comes under three of them: its name, its device, and what drivers say. Together: 10.
  static constexpr std::size_t kReaderMax = 4;
  static constexpr std::size_t kDeviceMax = 3;
  static constexpr std::size_t kDriversMax = 3;
  static constexpr std::size_t kProgramMax = 10;
  /// Subjects that are known at the same time; all further ones count as one.
  static constexpr std::size_t kSubjectsMax = 256;

  /// True: write it. False: it is counted.
  bool admit(const log::Record& record, TimePoint now);
  /// Summaries to be written now.
  std::vector<log::Record> due(TimePoint now);
  /// Of everything that has been counted: the program ends.
  std::vector<log::Record> rest();
  /// When due() has something to say next.
  [[nodiscard]] std::optional<TimePoint> next_deadline() const;

 private:
  struct Subject {
    std::size_t most = 0;  ///< records in a window
    std::deque<TimePoint>
        written;  ///< in the last window, while it is in trouble no more than most
    std::optional<TimePoint> failed;  ///< last record that was a warning or worse
    std::size_t counted = 0;
    log::Record last;  ///< of those counted
    log::Level worst = log::Level::info;
  };
  using Subjects = std::map<std::string, Subject>;

  Subject* subject_of(const log::Record& record, TimePoint now);
  static void forget_old(Subject& subject, TimePoint now);
  static log::Record summary(Subject& subject);

  Subjects subjects_;
};

}  // namespace cardea
