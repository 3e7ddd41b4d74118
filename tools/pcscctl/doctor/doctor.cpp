// pcscctl doctor: runs all checks and shows what they found.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tools/pcscctl/commands.hpp"
#include "tools/pcscctl/control_client.hpp"
#include "tools/pcscctl/doctor/doctor_view.hpp"

namespace cardea::ctl {

int doctor(const Invocation& invocation) {
  Host host;
  const std::string usual = host.socket;
  host.socket = invocation.socket;
  host.socket_from_environment = invocation.socket == default_socket() && host.socket != usual;
  if (const char* bundles = ::secure_getenv("PCSCLITE_HP_DROPDIR"); bundles != nullptr) {
    host.bundles = bundles;
  }
  const std::vector<Examined> all = examine(host);
  const std::string text = invocation.json ? doctor_json(all).dump(2) + "\n"
                                           : doctor_text(all, Style::of_standard_output());
  std::fputs(text.c_str(), stdout);
  return worst_of(all) >= Verdict::warning ? kFailed : kOk;
}

}  // namespace cardea::ctl
