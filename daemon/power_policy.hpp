// When an unused card is powered off, as the administrator asked for with --power-off. Filled while
// options are parsed, read-only afterwards: then any thread may ask.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "daemon/core/power_off.hpp"

namespace cardea {

using core::PowerOff;

class PowerPolicy {
 public:
  static constexpr std::size_t kRulesMax = 64;
  static constexpr std::chrono::seconds kDelayMax{24 * 60 * 60};

  /// `rule` is "never", "SECONDS", or one of them for some readers: "READER=never",
  /// "READER=SECONDS"; READER is a part of their names, upper and lower case differ.
  /// Errors (invalid_parameter): anything else, and more than kRulesMax rules.
  Result<void> add(std::string_view rule);

  /// A rule that names the reader wins over one for all; of two equals the later one wins.
  [[nodiscard]] PowerOff for_reader(std::string_view name) const;

 private:
  struct Rule {
    std::string reader_part;  ///< empty: all readers
    PowerOff power_off;
  };
  std::vector<Rule> rules_;
};

}  // namespace cardea
