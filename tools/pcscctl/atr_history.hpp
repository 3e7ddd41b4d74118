// What the historical bytes of an ATR mean, and names of memory cards. Part of analyse_atr(); pure.
#pragma once

#include "tools/pcscctl/atr_analysis.hpp"

namespace cardea::ctl {

/// Adds parts, problems and what is worth a line in the summary.
void analyse_history(AtrView bytes, AtrAnalysis& out);

/// "3B 00"
std::string atr_hex(AtrView bytes);

/// A name of PC/SC part 3 (supplement "contactless ICCs"), e.g. "MIFARE Classic 1K"; nullptr:
/// unknown.
const char* storage_card_name(unsigned number);
const char* storage_card_standard(unsigned number);

}  // namespace cardea::ctl
