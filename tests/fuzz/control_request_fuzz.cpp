// Whatever a program sends to the control socket, and what the virtual reader is told on its own:
// a request with all it needs, or an error that says what was expected.
#include "base/assert.hpp"
#include "daemon/control/control_request.hpp"
#include "drivers/virtual/control_command.hpp"
#include "tests/fuzz/input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cardea::ControlRequest;
  cardea::fuzz::Input input(data, size);
  const std::string_view line = cardea::fuzz::Input::text(input.rest());
  if (const auto request = cardea::parse_control_request(line)) {
    CARDEA_ASSERT(line.size() <= cardea::kControlRequestBytesMax);
    const bool traces = request->action == ControlRequest::Action::trace;
    const int targets = (request->reader ? 1 : 0) + (request->pid ? 1 : 0);
    CARDEA_ASSERT(targets == (traces ? 1 : 0));
  } else {
    CARDEA_ASSERT(!request.error().context.empty());
  }
  for (const unsigned slots : {1U, 255U}) {
    using cardea::virtual_reader::ControlCommand;
    const auto command = cardea::virtual_reader::parse_control_command(line, slots);
    if (command) CARDEA_ASSERT(command->slot < slots);
    if (!command) CARDEA_ASSERT(!command.error().context.empty());
  }
  return 0;
}
