// What the doctor found, as text and as JSON.
#pragma once

#include <string>
#include <vector>

#include "tools/pcscctl/doctor/checks.hpp"
#include "tools/pcscctl/views.hpp"

namespace cardea::ctl {

struct Examined {
  std::string title;
  Findings findings;
};

/// Runs all checks.
std::vector<Examined> examine(const Host& host);
Verdict worst_of(const std::vector<Examined>& all);
std::string doctor_text(const std::vector<Examined>& all, const Style& style);
Json doctor_json(const std::vector<Examined>& all);

}  // namespace cardea::ctl
