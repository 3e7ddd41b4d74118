#include "daemon/control/control_request.hpp"

#include <nlohmann/json.hpp>

namespace cardea {
namespace {

tl::unexpected<Error> bad(const std::string& why) {
  return failure(ScardRv::invalid_parameter, why);
}

std::optional<ControlRequest::Action> action_named(const std::string& name) {
  if (name == "status") return ControlRequest::Action::status;
  if (name == "monitor") return ControlRequest::Action::monitor;
  if (name == "trace") return ControlRequest::Action::trace;
  return std::nullopt;
}

}  // namespace

Result<ControlRequest> parse_control_request(std::string_view line) {
  using Json = nlohmann::json;
  if (line.size() > kControlRequestBytesMax) return bad("the request is too long");
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return bad("one JSON object in one line is expected");
  const auto version = json.find("cardea-control");
  if (version == json.end() || !version->is_number_integer()) {
    return bad("\"cardea-control\" with the version of the protocol is missing");
  }
  if (*version != kControlVersion) {
    return bad("this daemon speaks version " + std::to_string(kControlVersion) +
               " of the control protocol");
  }
  const auto name = json.find("do");
  if (name == json.end() || !name->is_string()) return bad("\"do\" is missing");
  const auto action = action_named(name->get<std::string>());
  if (!action) return bad("\"do\" is status, monitor or trace");
  ControlRequest request;
  request.action = *action;
  for (const auto& [key, value] : json.items()) {
    if (key == "cardea-control" || key == "do") continue;
    const bool traces = request.action == ControlRequest::Action::trace;
    if (traces && key == "reader" && value.is_string()) {
      request.reader = value.get<std::string>();
    } else if (traces && key == "pid" && value.is_number_integer()) {
      request.pid = value.get<std::int64_t>();
    } else {
      return bad("a member is unknown or of the wrong type");
    }
  }
  if (request.action == ControlRequest::Action::trace &&
      request.reader.has_value() == request.pid.has_value()) {
    return bad("trace takes either \"reader\" or \"pid\"");
  }
  return request;
}

}  // namespace cardea
