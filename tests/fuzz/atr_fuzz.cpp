// Whatever a card answers to a reset: the three readers of ATRs (the daemon's, the CCID driver's
// and pcscctl's) take it, stay inside it, and do not contradict each other about T=0 and T=1.
#include <algorithm>
#include <string>

#include "base/assert.hpp"
#include "daemon/reader/atr.hpp"
#include "drivers/ccid/card_parameters.hpp"
#include "drivers/ccid/pps.hpp"
#include "protocol/wire.hpp"
#include "tests/fuzz/input.hpp"
#include "tools/pcscctl/atr_analysis.hpp"

namespace {

using cardea::ccid::Protocol;

void check_daemon(cardea::ctl::AtrView atr) {
  const cardea::AtrProtocols protocols = cardea::atr_protocols(atr);
  constexpr std::uint32_t kBoth = cardea::wire::kProtocolT0 | cardea::wire::kProtocolT1;
  CARDEA_ASSERT((protocols.offered & ~kBoth) == 0);
  CARDEA_ASSERT(protocols.fallback == 0 || (protocols.offered & protocols.fallback) != 0);
}

void check_driver(cardea::ctl::AtrView atr) {
  const auto info = cardea::ccid::parse_atr(atr);
  if (!info) return;
  const cardea::AtrProtocols protocols = cardea::atr_protocols(atr);
  // T=15 must not be announced first; if it is, the daemon knows no protocol to go on with.
  if (protocols.fallback != 0 && !info->ta2) {
    CARDEA_ASSERT(protocols.fallback == 1U << info->default_protocol);
  }
  cardea::ccid::LineLimits limits;
  limits.clock_khz = 4000;
  limits.max_rate_bps = 344'086;
  for (const Protocol protocol : {Protocol::t0, Protocol::t1}) {
    const auto fi_di = cardea::ccid::choose_fi_di(*info, limits);
    if (!fi_di) continue;
    const auto parameters = cardea::ccid::line_parameters(*info, protocol, *fi_di);
    CARDEA_ASSERT(parameters.size() == (protocol == Protocol::t0 ? 5 : 7));
    const int timeout_ms =
        cardea::ccid::exchange_timeout_ms(*info, protocol, *fi_di, limits.clock_khz);
    CARDEA_ASSERT(timeout_ms > 0);
    const auto request = cardea::ccid::pps_request(protocol, *fi_di);
    const auto accepted = cardea::ccid::accepted_fi_di(request, atr);
    CARDEA_ASSERT(!accepted || *accepted == *fi_di || *accepted == cardea::ccid::kDefaultFiDi);
  }
}

void check_analysis(cardea::ctl::AtrView atr) {
  const cardea::ctl::AtrAnalysis analysis = cardea::ctl::analyse_atr(atr);
  std::string parts;
  for (const auto& part : analysis.parts) {
    CARDEA_ASSERT(!part.name.empty());
    parts += part.bytes;
  }
  std::erase(parts, ' ');
  std::string whole = analysis.atr;
  std::erase(whole, ' ');
  CARDEA_ASSERT(whole.size() == 2 * atr.size());
  CARDEA_ASSERT(whole.starts_with(parts));
  CARDEA_ASSERT(parts == whole || !analysis.problems.empty());
  // What people copy out of it is read again as the same.
  const auto again = cardea::ctl::parse_atr(analysis.atr);
  CARDEA_ASSERT(atr.empty() || (again && std::ranges::equal(*again, atr)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cardea::fuzz::Input input(data, size);
  const auto all = input.rest();
  if (const auto typed = cardea::ctl::parse_atr(cardea::fuzz::Input::text(all))) {
    CARDEA_ASSERT(typed->size() <= cardea::wire::kAtrBytesMax);
  }
  const auto atr = all.first(std::min(all.size(), cardea::wire::kAtrBytesMax));
  check_daemon(atr);
  check_driver(atr);
  check_analysis(atr);
  return 0;
}
