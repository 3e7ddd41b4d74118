// pcscctl explain: what an ATR says. With an ATR it needs no daemon.
#include <cstdio>
#include <fstream>

#include "tools/pcscctl/atr_analysis.hpp"
#include "tools/pcscctl/card_list.hpp"
#include "tools/pcscctl/commands.hpp"
#include "tools/pcscctl/control_client.hpp"
#include "tools/pcscctl/explain_view.hpp"

namespace cardea::ctl {
namespace {

/// The ATRs of the cards there are.
Result<std::vector<std::string>> present_atrs(const std::string& socket) {
  auto client = ControlClient::connect(socket);
  if (!client) return tl::make_unexpected(client.error());
  if (auto asked = client->ask({{"do", "status"}}); !asked) {
    return tl::make_unexpected(asked.error());
  }
  auto answer = client->next();
  if (!answer) return tl::make_unexpected(answer.error());
  std::vector<std::string> atrs;
  if (!*answer) return atrs;
  const Json status = Json::parse(**answer);
  for (const Json& reader : status.at("readers")) {
    if (!reader.at("card").is_object()) continue;
    const std::string atr = reader.at("card").at("atr");
    if (!atr.empty()) atrs.push_back(atr);
  }
  return atrs;
}

}  // namespace

int explain(const Invocation& invocation) {
  std::vector<std::string> atrs;
  if (invocation.arguments.empty()) {
    auto present = present_atrs(invocation.socket);
    if (!present) {
      std::fprintf(stderr, "pcscctl: %s\n", present.error().context.c_str());
      return kFailed;
    }
    atrs = std::move(*present);
    if (atrs.empty()) std::fputs("pcscctl: there is no card with an ATR\n", stderr);
    if (atrs.empty()) return kFailed;
  } else {
    std::string joined;
    for (const std::string& argument : invocation.arguments) joined += argument + " ";
    atrs.push_back(joined);
  }
  const Style style = Style::of_standard_output();
  Json all = Json::array();
  int status = kOk;
  for (const std::string& text : atrs) {
    const auto bytes = parse_atr(text);
    if (!bytes) {
      std::fputs("pcscctl: an ATR is 2 to 33 bytes in hexadecimal, e.g. 3B 80 80 01 01\n", stderr);
      return kUsage;
    }
    AtrAnalysis analysis = analyse_atr(*bytes);
    std::ifstream list(kCardListFile);
    analysis.names = card_names(list, analysis.atr);
    if (!analysis.problems.empty()) status = kFailed;
    if (invocation.json) {
      all.push_back(atr_json(analysis));
    } else {
      std::printf("%s%s", &text == &atrs.front() ? "" : "\n", atr_text(analysis, style).c_str());
    }
  }
  if (invocation.json) std::puts(all.dump(2).c_str());
  return status;
}

}  // namespace cardea::ctl
