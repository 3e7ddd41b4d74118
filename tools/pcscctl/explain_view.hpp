// The analysis of an ATR as text and as JSON. Pure.
#pragma once

#include <string>

#include "tools/pcscctl/atr_analysis.hpp"
#include "tools/pcscctl/views.hpp"

namespace cardea::ctl {

std::string atr_text(const AtrAnalysis& analysis, const Style& style);
Json atr_json(const AtrAnalysis& analysis);

}  // namespace cardea::ctl
