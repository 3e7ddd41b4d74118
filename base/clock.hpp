// Time as the daemon sees it: monotonic, and a parameter wherever a decision depends on it.
#pragma once

#include <chrono>

namespace cardea {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;
using std::chrono::milliseconds;

}  // namespace cardea
