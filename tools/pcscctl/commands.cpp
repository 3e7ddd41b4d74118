#include "tools/pcscctl/commands.hpp"

#include <charconv>
#include <cstdio>

#include "base/scard_rv.hpp"
#include "tools/pcscctl/control_client.hpp"
#include "tools/pcscctl/views.hpp"

namespace cardea::ctl {
namespace {

int fail(const Error& error) {
  std::fprintf(stderr, "pcscctl: %s\n", wrapped(error.context, 9).c_str());
  return kFailed;
}

bool put(const std::string& text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

Result<Json> fetch_status(const std::string& socket) {
  auto client = ControlClient::connect(socket);
  if (!client) return tl::make_unexpected(client.error());
  if (auto asked = client->ask({{"do", "status"}}); !asked) {
    return tl::make_unexpected(asked.error());
  }
  auto answer = client->next();
  if (!answer) return tl::make_unexpected(answer.error());
  if (!*answer) return failure(ScardRv::no_service, "the daemon has closed the connection");
  return Json::parse(**answer);
}

/// Prints a stream until it ends or nobody reads what is printed.
int print_stream(const Invocation& invocation, const Json& request) {
  auto client = ControlClient::connect(invocation.socket);
  if (!client) return fail(client.error());
  if (auto asked = client->ask(request); !asked) return fail(asked.error());
  const Style style = Style::of_standard_output();
  if (style.is_terminal() && !invocation.json) put("watching; ends with Ctrl-C\n");
  for (bool first = true;; first = false) {
    auto line = client->next();
    if (!line) return fail(line.error());
    if (!*line) return fail({ScardRv::no_service, "the daemon has ended"});
    if (invocation.json) {
      if (!put(**line + "\n")) return kOk;
    } else if (!first && !put(event_text(Json::parse(**line), style))) {
      return kOk;
    }
  }
}

}  // namespace

int show_status(const Invocation& invocation) {
  const auto status = fetch_status(invocation.socket);
  if (!status) return fail(status.error());
  const bool done = put(invocation.json ? status->dump(2) + "\n"
                                        : status_text(*status, Style::of_standard_output()));
  return done ? kOk : kFailed;
}

int show_list(const Invocation& invocation) {
  const auto status = fetch_status(invocation.socket);
  if (!status) return fail(status.error());
  const bool done = put(invocation.json ? list_json(*status).dump(2) + "\n"
                                        : list_text(*status, Style::of_standard_output()));
  return done ? kOk : kFailed;
}

int monitor(const Invocation& invocation) { return print_stream(invocation, {{"do", "monitor"}}); }

int trace(const Invocation& invocation) {
  const std::string& target = invocation.arguments.front();
  Json request{{"do", "trace"}};
  std::int64_t pid = 0;
  const auto [end, error] = std::from_chars(target.data(), target.data() + target.size(), pid);
  if (error == std::errc() && end == target.data() + target.size()) {
    request["pid"] = pid;
  } else {
    request["reader"] = target;
  }
  return print_stream(invocation, request);
}

}  // namespace cardea::ctl
