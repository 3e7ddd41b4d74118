// The daemon's answers as people read them. Each takes JSON of the control protocol and gives text
// that ends with a line feed. JSON of an unexpected form throws nlohmann::json::exception. Pure
// but for the names of users.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/pcscctl/terminal.hpp"

namespace cardea::ctl {

using Json = nlohmann::json;

std::string status_text(const Json& status, const Style& style);
/// One line a reader: its name, card and use.
std::string list_text(const Json& status, const Style& style);
/// The readers of a status, for programs.
Json list_json(const Json& status);
/// One event of monitor or trace, on one line; a trace has two for an exchange.
std::string event_text(const Json& event, const Style& style);

}  // namespace cardea::ctl
